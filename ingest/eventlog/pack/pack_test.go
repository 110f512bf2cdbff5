package pack_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/ingest/eventlog/pack"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 50).Draw(t, "records")
		p := pack.Packer{Shared: rapid.Bool().Draw(t, "shared")}
		p.Add(1, []byte("of an earlier message"))
		p.Reset()
		size, of := 8, map[int][]pack.Record{}
		for i, r := range records {
			require.True(t, p.Fits(pack.Size(r), 1))
			partition := 200
			if p.Shared {
				partition = rapid.SampledFrom([]int{0, 127, 128, 255}).Draw(t, "partition")
				size += 1 + partition/128
			}
			require.EqualValues(t, i, p.Add(partition, r))
			of[partition] = append(of[partition], pack.Record{Index: uint32(i), Data: r})
			size += pack.Size(r)
		}
		message := p.Bytes()
		require.Len(t, message, size)
		for partition, want := range of {
			got, err := pack.Split(message, partition)
			require.NoError(t, err)
			require.Len(t, got, len(want))
			for i := range got {
				require.Equal(t, want[i].Index, got[i].Index)
				require.True(t, bytes.Equal(want[i].Data, got[i].Data))
			}
		}
		if p.Shared {
			other, err := pack.Split(message, 7)
			require.NoError(t, err)
			require.Empty(t, other)
		}
		// Any changed byte is noticed.
		at := rapid.IntRange(0, len(message)-1).Draw(t, "at")
		message[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_, err := pack.Split(message, 200)
		require.Error(t, err)
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	var p pack.Packer
	largest := make([]byte, pack.MaxRecordBytes)
	require.True(t, p.Fits(pack.Size(largest), 1))
	p.Add(0, largest)
	require.LessOrEqual(t, len(p.Bytes()), pack.MaxBytes)
	require.False(t, p.Fits(10, 1))
	shared := pack.Packer{Shared: true}
	require.True(t, shared.Fits(pack.Size(largest), 1))
	shared.Add(255, largest)
	require.LessOrEqual(t, len(shared.Bytes()), pack.MaxBytes)
	p.Reset()
	require.True(t, p.Fits(100, pack.MaxRecords))
	require.False(t, p.Fits(100, pack.MaxRecords+1))
}

// The format does not change: these messages were written by its versions.
func TestGolden(t *testing.T) {
	t.Parallel()
	for golden, p := range map[string]*pack.Packer{
		"534c500136a9f465036f6e650374776f":       {},
		"534c500208bdab7c03036f6e65c8010374776f": {Shared: true},
	} {
		p.Add(3, []byte("one"))
		p.Add(200, []byte("two"))
		require.Equal(t, golden, hex.EncodeToString(p.Bytes()))
		message, err := hex.DecodeString(golden)
		require.NoError(t, err)
		one, two := pack.Record{Index: 0, Data: []byte("one")}, pack.Record{Index: 1, Data: []byte("two")}
		got, err := pack.Split(message, 3)
		require.NoError(t, err)
		if p.Shared {
			require.Equal(t, []pack.Record{one}, got)
			got, err = pack.Split(message, 200)
			require.NoError(t, err)
			require.Equal(t, []pack.Record{two}, got)
			continue
		}
		require.Equal(t, []pack.Record{one, two}, got)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		message []byte
		want    string
	}{
		"empty":     {nil, `corrupt message of 0 bytes: want "SLP" first`},
		"other":     {[]byte("{\"name\":\"pageview\"}"), `corrupt message of 19 bytes: want "SLP" first`},
		"newer":     {[]byte("SLP\x03....x"), "unknown version of the message format: 3, want 1 or 2"},
		"checksum":  {[]byte("SLP\x01\x00\x00\x00\x00\x01x"), "corrupt message: checksum 1982e367, want 00000000"},
		"too long":  {sealed(pack.Version, 5, 'x'), "corrupt message: record 0 does not end within the message"},
		"no length": {sealed(pack.Version, 0x80), "corrupt message: record 0 does not end within the message"},
		"nothing":   {sealed(pack.Version), "corrupt message: no records"},
		"no partition": {
			sealed(pack.VersionShared, 1, 0, 0x80), "corrupt message: record 1 has no partition",
		},
		"partition alone": {
			sealed(pack.VersionShared, 1), "corrupt message: record 0 does not end within the message",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pack.Split(tc.message, 0)
			require.EqualError(t, err, tc.want)
		})
	}
}

// sealed returns a message of a version with the right checksum.
func sealed(version byte, body ...byte) []byte {
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return append(binary.LittleEndian.AppendUint32([]byte{'S', 'L', 'P', version}, sum), body...)
}

func FuzzSplit(f *testing.F) {
	f.Add(false, []byte("\x03one"))
	f.Add(false, []byte{0x80})
	f.Add(false, []byte{0, 0, 0})
	f.Add(true, []byte("\x01\x03one\x00\x03two"))
	f.Fuzz(func(t *testing.T, shared bool, body []byte) {
		p, version := pack.Packer{Shared: shared}, byte(pack.Version)
		if shared {
			version = pack.VersionShared
		}
		const partition = 1
		records, err := pack.Split(sealed(version, body...), partition)
		if err != nil {
			require.ErrorIs(t, err, pack.ErrCorrupt)
			return
		}
		if len(records) == 0 {
			require.True(t, shared)
			return
		}
		for _, r := range records {
			p.Add(partition, r.Data)
		}
		again, err := pack.Split(p.Bytes(), partition)
		require.NoError(t, err)
		require.Len(t, again, len(records))
		for i := range records {
			require.Equal(t, records[i].Data, again[i].Data)
			require.EqualValues(t, i, again[i].Index)
		}
	})
}
