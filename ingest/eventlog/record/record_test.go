package record_test

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

func full() *record.Event {
	return &record.Event{
		SiteID: 7, Domain: "example.com", UserID: math.MaxUint64, PreviousUserID: 2, Timestamp: 1_700_000_000,
		Name: "Purchase", Hostname: "example.com", Pathname: "/ü", Interactive: true,
		Props: []record.Prop{{"plan", "pro"}, {"", ""}}, ScrollDepth: 40, EngagementTime: 1234,
		Revenue: &record.Revenue{
			SourceAmount: -1_500, SourceCurrency: "EUR", ReportingAmount: 1_650, ReportingCurrency: "USD",
		},
		TrackerVersion: 31,
		Attributes: record.Attributes{
			Referrer: "example.org/a", ReferrerSource: "Google", UTMMedium: "cpc", UTMSource: "s", UTMCampaign: "c",
			UTMContent: "co", UTMTerm: "t", ClickIDParam: "gclid", AcquisitionChannel: "Paid Search", CountryCode: "DE",
			Subdivision1Code: "DE-BE", Subdivision2Code: "x", CityGeonameID: 2950159, ScreenSize: "Desktop",
			OperatingSystem: "Mac", OperatingSystemVersion: "14.1", Browser: "Firefox", BrowserVersion: "130.0",
		},
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	text := rapid.StringN(0, 40, 300)
	rapid.Check(t, func(t *rapid.T) {
		e := full()
		e.Domain, e.Pathname, e.Attributes.Referrer = text.Draw(t, "d"), text.Draw(t, "p"), text.Draw(t, "r")
		e.Interactive, e.ScrollDepth = rapid.Bool().Draw(t, "i"), rapid.Uint8().Draw(t, "s")
		e.Timestamp, e.EngagementTime = rapid.Int64().Draw(t, "ts"), rapid.Uint32().Draw(t, "e")
		e.Revenue.SourceAmount = rapid.Int64().Draw(t, "a")
		e.Props = nil
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			e.Props = append(e.Props, record.Prop{Key: text.Draw(t, "k"), Value: text.Draw(t, "v")})
		}
		prefix := []byte("x")
		got, err := record.Decode(record.Append(prefix, record.Record{Event: e})[1:])
		require.NoError(t, err)
		require.Equal(t, record.Record{Event: e}, got)

		c := &record.Counter{
			Bucket: rapid.Int64().Draw(t, "b"), Domain: text.Draw(t, "d"), SiteID: rapid.Uint64().Draw(t, "site"),
			Metric: "dropped_bot", Value: rapid.Uint64().Draw(t, "v"), TrackerVersion: rapid.Uint16().Draw(t, "tv"),
		}
		got, err = record.Decode(record.Append(nil, record.Record{Counter: c}))
		require.NoError(t, err)
		require.Equal(t, record.Record{Counter: c}, got)
	})
}

// The zero event is not the event without any field: most events are interactive, and without
// a scroll depth.
func TestZero(t *testing.T) {
	t.Parallel()
	for _, e := range []*record.Event{{}, {Interactive: true, ScrollDepth: record.Missing}} {
		got, err := record.Decode(record.Append(nil, record.Record{Event: e}))
		require.NoError(t, err)
		require.Equal(t, e, got.Event)
	}
}

// The format does not change: these bytes were written by the first version.
func TestGolden(t *testing.T) {
	t.Parallel()
	encoded := record.Append(nil, record.Record{Event: full()})
	require.Equal(t, golden, hex.EncodeToString(encoded))
}

const golden = "0aec01090700000000000000120b6578616d706c652e636f6d19ffffffffffffffff2102000000000000002880c49fd50c32" +
	"0850757263686173653a0b6578616d706c652e636f6d42032fc3bc520b0a04706c616e120370726f520058d70160d2096a10" +
	"08b717120345555218e4192203555344701f7a770a0d6578616d706c652e6f72672f611206476f6f676c651a036370632201" +
	"732a01633202636f3a0174420567636c69644a0b5061696420536561726368520244455a0544452d42456201786a07446573" +
	"6b746f7072034d61637a0431342e3182010746697265666f788a01053133302e30a0068f88b401"

// A newer program may add fields of any type anywhere.
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	encoded := record.Append(nil, record.Record{Event: full()})
	_, _, n := protowire.ConsumeTag(encoded)
	event, _ := protowire.ConsumeBytes(encoded[n:])
	event = protowire.AppendVarint(protowire.AppendTag(event, 900, protowire.VarintType), 5)
	event = protowire.AppendString(protowire.AppendTag(event, 901, protowire.BytesType), "new")
	event = protowire.AppendFixed32(protowire.AppendTag(event, 902, protowire.Fixed32Type), 5)
	newer := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), event)
	newer = protowire.AppendFixed64(protowire.AppendTag(newer, 90, protowire.Fixed64Type), 5)
	got, err := record.Decode(newer)
	require.NoError(t, err)
	require.Equal(t, full(), got.Event)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	wrap := func(fields ...byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), fields)
	}
	number := func(num protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
	}
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty":      {nil, record.ErrUnknownKind.Error()},
		"both":       {append(wrap(), protowire.AppendBytes([]byte{0x12}, nil)...), record.ErrUnknownKind.Error()},
		"newer kind": {number(7, 1), record.ErrUnknownKind.Error()},
		"not nested": {number(1, 1), "decode record: event: wire type 0: want 2"},
		"short":      {[]byte{0x0a, 5}, "decode record: field 1: unexpected EOF"},
		"engagement": {wrap(number(12, 1<<32)...), "decode record: event: engagement time 4294967296: want at most 4294967295"},
		"scroll":     {wrap(number(11, 256)...), "decode record: event: scroll depth 256: want 0 to 255"},
		"tracker":    {wrap(number(14, 1<<16)...), "decode record: event: tracker version 65536: want at most 65535"},
		"prop":       {wrap(number(10, 1)...), "decode record: event: prop: wire type 0: want 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := record.Decode(tc.data)
			require.EqualError(t, err, tc.want)
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(record.Append(nil, record.Record{Event: full()}))
	f.Add(record.Append(nil, record.Record{Counter: &record.Counter{Metric: "buffered", Value: 3}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := record.Decode(data)
		if err != nil {
			return
		}
		again, err := record.Decode(record.Append(nil, r))
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}

func BenchmarkDecode(b *testing.B) {
	data := record.Append(nil, record.Record{Event: full()})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
