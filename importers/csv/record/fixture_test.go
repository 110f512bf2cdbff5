package record

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// scanned is one step of a scanner: a record, or a fault.
type scanned struct {
	Fields     []string
	Line       int64
	Terminated bool
	Fault      *MalformedError
	// Offset and NextLine are the position behind it.
	Offset, NextLine int64
}

// scanAll reads everything that a scanner has.
func scanAll(tb testing.TB, s *Scanner) []scanned {
	tb.Helper()
	var all []scanned
	for {
		err := s.Scan(context.Background())
		if errors.Is(err, io.EOF) {
			return all
		}
		step := scanned{Line: s.Line(), Terminated: s.Terminated()}
		if !errors.As(err, &step.Fault) {
			require.NoError(tb, err)
			for i := range s.Len() {
				step.Fields = append(step.Fields, string(s.Field(i)))
			}
		}
		step.Offset, step.NextLine = s.Position()
		all = append(all, step)
	}
}

// pieces returns a reader that gives n bytes at a time.
func pieces(r io.Reader, n int) io.Reader {
	if n == 1 {
		return iotest.OneByteReader(r)
	}
	return readFunc(func(p []byte) (int, error) { return r.Read(p[:min(n, len(p))]) })
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
