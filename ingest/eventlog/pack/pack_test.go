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
		var p pack.Packer
		p.Add([]byte("of an earlier message"))
		p.Reset()
		size := 8
		for i, r := range records {
			require.True(t, p.Fits(pack.Size(r), 1))
			require.EqualValues(t, i, p.Add(r))
			size += pack.Size(r)
		}
		message := p.Bytes()
		require.Len(t, message, size)
		got, err := pack.Split(message)
		require.NoError(t, err)
		require.Len(t, got, len(records))
		for i := range got {
			require.True(t, bytes.Equal(records[i], got[i]))
		}
		// Any changed byte is noticed.
		at := rapid.IntRange(0, len(message)-1).Draw(t, "at")
		message[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_, err = pack.Split(message)
		require.Error(t, err)
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	var p pack.Packer
	largest := make([]byte, pack.MaxRecordBytes)
	require.True(t, p.Fits(pack.Size(largest), 1))
	p.Add(largest)
	require.LessOrEqual(t, len(p.Bytes()), pack.MaxBytes)
	require.False(t, p.Fits(10, 1))
	p.Reset()
	require.True(t, p.Fits(100, pack.MaxRecords))
	require.False(t, p.Fits(100, pack.MaxRecords+1))
}

// The format does not change: this message was written by version 1.
func TestGolden(t *testing.T) {
	t.Parallel()
	const golden = "534c500136a9f465036f6e650374776f"
	var p pack.Packer
	p.Add([]byte("one"))
	p.Add([]byte("two"))
	require.Equal(t, golden, hex.EncodeToString(p.Bytes()))
	message, err := hex.DecodeString(golden)
	require.NoError(t, err)
	got, err := pack.Split(message)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("one"), []byte("two")}, got)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		message []byte
		want    string
	}{
		"empty":     {nil, `corrupt message of 0 bytes: want "SLP" first`},
		"other":     {[]byte("{\"name\":\"pageview\"}"), `corrupt message of 19 bytes: want "SLP" first`},
		"newer":     {[]byte("SLP\x02....x"), "unknown version of the message format: 2, want 1"},
		"checksum":  {[]byte("SLP\x01\x00\x00\x00\x00\x01x"), "corrupt message: checksum 1982e367, want 00000000"},
		"too long":  {sealed(5, 'x'), "corrupt message: record 0 does not end within the message"},
		"no length": {sealed(0x80), "corrupt message: record 0 does not end within the message"},
		"nothing":   {sealed(), "corrupt message: no records"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pack.Split(tc.message)
			require.EqualError(t, err, tc.want)
		})
	}
}

// sealed returns a message with the right checksum.
func sealed(body ...byte) []byte {
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return append(binary.LittleEndian.AppendUint32([]byte("SLP\x01"), sum), body...)
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("\x03one"))
	f.Add([]byte{0x80})
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		records, err := pack.Split(sealed(body...))
		if err != nil {
			require.ErrorIs(t, err, pack.ErrCorrupt)
			return
		}
		var p pack.Packer
		for _, r := range records {
			p.Add(r)
		}
		again, err := pack.Split(p.Bytes())
		require.NoError(t, err)
		require.Equal(t, records, again)
	})
}
