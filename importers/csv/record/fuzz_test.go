package record

import (
	"bytes"
	"encoding/csv"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzScanLimits has buffers and limits so small that every way of running into
// them is taken: what is found must not depend on how much is read at a time.
func FuzzScanLimits(f *testing.F) {
	f.Add([]byte("a,\"b\nccccccccccccc\",d\nxxxxxxxxxxxxxxxxxxxxxx\ny\n"), uint8(3), uint8(8))
	f.Add([]byte("\xef\xbb\xbf\"a\nb\",c\r\n\r\n\"\"\"\",\"open\nd,e"), uint8(4), uint8(12))
	f.Fuzz(func(t *testing.T, in []byte, read, limit uint8) {
		most := max(int(limit), 1)
		scan := func(size, read int) []scanned {
			return scanAll(t, newScanner(pieces(bytes.NewReader(in), size), 0, 1, max(read, len(mark)), most))
		}
		got := scan(1<<20, 1<<16)
		require.Equal(t, got, scan(1, int(read)))
		require.Equal(t, got, scan(int(read)+1, most))
		for i, step := range got {
			from := newScanner(bytes.NewReader(in[step.Offset:]), step.Offset, step.NextLine, int(read)+1, most)
			require.Equal(t, append([]scanned{}, got[i+1:]...), append([]scanned{}, scanAll(t, from)...))
		}
	})
}

// FuzzScan holds the scanner against the standard library's reader on input
// that both accept, and against itself on all input: read in pieces of any size,
// and from any position, it must find the same.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"", "a", "a,b\n", "a\r\n\r\nb", "\"a\"\"b\",c\n", "\"a\nb\"\r\n", "a\"b\n", "\"a\"b\nc", "\"open\nc,d\n", ",\n,",
		"\xef\xbb\xbfdate,visitors\n2021-01-01,1\n", "\"\r\n\"\r", "\"a\r", "a,\"", "\"\"\"", "\r\r\n", "\x00\xff",
	} {
		f.Add([]byte(seed), uint16(1))
		f.Add([]byte(seed), uint16(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint16) {
		got := scanAll(t, newScanner(bytes.NewReader(in), 0, 1, 1<<12, MaxBytes))
		sized := scanAll(t, New(pieces(bytes.NewReader(in), int(size)+1), 0, 1))
		require.Equal(t, got, sized)

		lastLine, clean := int64(0), true
		for i, step := range got {
			require.Greater(t, step.Line, lastLine, "lines go up")
			require.Greater(t, step.NextLine+1, step.Line)
			lastLine = step.Line
			clean = clean && step.Fault == nil
			if i == len(got)/2 {
				rest := scanAll(t, New(bytes.NewReader(in[step.Offset:]), step.Offset, step.NextLine))
				require.Equal(t, append([]scanned{}, got[i+1:]...), append([]scanned{}, rest...))
			}
		}
		compare(t, in, got, clean)
	})
}

// compare holds records against those of the standard library, which knows no
// byte order mark, and makes CRLF within quotes LF.
func compare(t *testing.T, in []byte, got []scanned, clean bool) {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(in, mark)))
	r.FieldsPerRecord = -1
	want, err := r.ReadAll()
	require.Equal(t, err == nil, clean, "both accept or both refuse: %v", err)
	if err != nil {
		return
	}
	require.Len(t, got, len(want))
	for i, step := range got {
		require.Len(t, step.Fields, len(want[i]))
		for j, v := range step.Fields {
			require.Equal(t, want[i][j], string(bytes.ReplaceAll([]byte(v), []byte("\r\n"), []byte("\n"))))
		}
	}
}
