package logbuffer_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/logbuffer"
	"github.com/sluicehq/sluice/ingest/request"
)

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"

// memory is a log of four partitions.
type memory struct {
	mu       sync.Mutex
	broken   int
	got      map[int][][]byte
	counters map[int][]record.Counter
}

func (*memory) Partition(hash uint64) int { return int(hash % 4) }

func (m *memory) AppendBatch(_ context.Context, partition int, batch eventlog.Batch) (eventlog.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if partition == m.broken {
		return eventlog.Position{}, eventlog.ErrFull
	}
	if m.got == nil {
		m.got = map[int][][]byte{}
	}
	if m.counters == nil {
		m.counters = map[int][]record.Counter{}
	}
	m.got[partition] = append(m.got[partition], batch.Records...)
	if len(batch.Counters) > 0 {
		m.counters[partition] = append(m.counters[partition], batch.Counters...)
	}
	return eventlog.Position{}, nil
}

func setup(t *testing.T, log logbuffer.Log) *ingest.Pipeline {
	t.Helper()
	buffer, err := logbuffer.New(log, time.Now)
	require.NoError(t, err)
	sites := ingesttest.Sites{ingesttest.SiteDomain: {
		ID: 7, Domain: ingesttest.SiteDomain, RevenueGoals: map[string]string{"Order": "BRL"},
	}}
	pipeline, err := ingest.New(ingesttest.Config(sites, ingesttest.Data(t, filepath.Join("..", ".."), nil), buffer))
	require.NoError(t, err)
	return pipeline
}

func order(t *testing.T, ip, currency string) request.Request {
	t.Helper()
	r, err := request.Parse(request.Input{
		UserAgent: browser, RemoteIP: netip.MustParseAddr(ip), Now: time.Unix(1_700_000_000, 0),
		Body: []byte(`{"n":"Order","u":"https://case.example/a?utm_source=google&utm_medium=cpc&utm_campaign=c&utm_content=d&utm_term=e&gclid=1",
			"r":"https://t.co/x","p":{"a":"b"},"$":{"amount":"-10.2","currency":"` + currency + `"},"i":false,"v":3}`),
	})
	require.NoError(t, err)
	return r
}

// Every column of the row that has a value has it in the record, too.
func TestRecord(t *testing.T) {
	t.Parallel()
	log := &memory{broken: -1}
	result, err := setup(t, log).BuildAndBuffer(t.Context(), order(t, "2.125.160.216", "USD"))
	require.NoError(t, err)
	e := result.Buffered[0]
	records := log.got[log.Partition(e.Partition)]
	require.Len(t, records, 1)
	got, err := record.Decode(records[0])
	require.NoError(t, err)
	attributes := got.Event.Attributes
	got.Event.Attributes = record.Attributes{}
	require.Equal(t, &record.Event{
		SiteID: 7, Domain: ingesttest.SiteDomain, UserID: e.ClickHouseEvent.UserID, PreviousUserID: e.PreviousUserID, Timestamp: 1_700_000_000,
		Day:  19_675,
		Name: "Order", Hostname: "case.example", Pathname: "/a", Props: []record.Prop{{Key: "a", Value: "b"}}, ScrollDepth: record.Missing,
		TrackerVersion: 3, Revenue: &record.Revenue{SourceAmount: -10200, ReportingAmount: -7140, SourceCurrency: "USD", ReportingCurrency: "BRL"},
	}, got.Event)
	row, kept := reflect.ValueOf(e.ClickHouseEvent.SessionAttributes), reflect.ValueOf(attributes)
	require.Equal(t, row.NumField(), kept.NumField())
	for i := range row.NumField() {
		name := row.Type().Field(i).Name
		require.Equal(t, row.Field(i).Interface(), kept.FieldByName(name).Interface(), name)
		if name != "OperatingSystemVersion" {
			require.False(t, row.Field(i).IsZero(), "%s is tested with a value", name)
		}
	}
	require.NotContains(t, string(records[0]), browser)
	require.NotContains(t, string(records[0]), "2.125.160.216")
}

func TestRevenueWithoutRate(t *testing.T) {
	t.Parallel()
	log := &memory{broken: -1}
	result, err := setup(t, log).BuildAndBuffer(t.Context(), order(t, "192.0.2.1", "CHF"))
	require.NoError(t, err)
	got, err := logbuffer.Record(&result.Buffered[0])
	require.NoError(t, err)
	require.Equal(t, &record.Revenue{SourceAmount: -10200, SourceCurrency: "CHF"}, got.Event.Revenue)
}

// The events of a partition keep their order; a partition that fails is an error, and the
// others are written.
func TestPartitions(t *testing.T) {
	t.Parallel()
	log := &memory{broken: 2}
	pipeline := setup(t, log)
	var requests []request.Request
	for i := range 40 {
		requests = append(requests, order(t, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String(), "USD"))
	}
	_, err := pipeline.BuildAndBufferAll(t.Context(), requests)
	require.ErrorIs(t, err, eventlog.ErrFull)
	require.ErrorContains(t, err, "append to partition 2")
	require.Len(t, log.got, 3)
	log = &memory{broken: -1}
	results, err := setup(t, log).BuildAndBufferAll(t.Context(), requests)
	require.NoError(t, err)
	want := map[int][][]byte{}
	for _, result := range results {
		e := result.Buffered[0]
		encoded, err := logbuffer.Record(&e)
		require.NoError(t, err)
		at := log.Partition(e.Partition)
		want[at] = append(want[at], record.Append(nil, encoded))
	}
	require.Equal(t, want, log.got)
}

func TestOnlyBufferedEvents(t *testing.T) {
	t.Parallel()
	_, err := logbuffer.New(nil, nil)
	require.ErrorContains(t, err, "log and clock are required")
	_, err = logbuffer.Record(&ingest.Event{Dropped: true})
	require.ErrorContains(t, err, "no row")
	buffer, err := logbuffer.New(&memory{broken: -1}, time.Now)
	require.NoError(t, err)
	require.ErrorContains(t, buffer.Write(t.Context(), []ingest.Event{{Domain: "a.b"}}, nil), "encode an event of a.b")
}
