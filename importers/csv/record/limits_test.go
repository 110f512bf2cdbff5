package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestRecordLimit(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n) }
	for name, tc := range map[string]struct {
		in   string
		want []Problem // 0 is a record
	}{
		"at the limit":                {long(MaxBytes-1) + "\ny\n", []Problem{0, 0}},
		"one above":                   {long(MaxBytes) + "\ny\n", []Problem{TooLong, 0}},
		"far above":                   {long(5*MaxBytes) + "\ny\n", []Problem{TooLong, 0}},
		"at the limit, no line end":   {"y\n" + long(MaxBytes), []Problem{0, 0}},
		"far above, no line end":      {"y\n" + long(3*MaxBytes), []Problem{0, TooLong}},
		"quoted, at the limit":        {`"` + long(MaxBytes-3) + "\"\ny\n", []Problem{0, 0}},
		"quoted, one above":           {`"` + long(MaxBytes-2) + "\"\ny\n", []Problem{TooLong, 0}},
		"quoted lines, one above":     {"\"a\n" + long(MaxBytes-4) + "\"\ny\n", []Problem{TooLong, BareQuote, 0}},
		"quote open beyond the limit": {"\"a\n" + long(MaxBytes) + "\ny\n", []Problem{OpenQuote, TooLong, 0}},
		"long behind quoted lines":    {"\"a\n\"," + long(MaxBytes) + "\ny\n", []Problem{TooLong, TooLong, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1000, 1 << 20, 1 << 22} {
				var got []Problem
				for _, step := range scanAll(t, New(pieces(strings.NewReader(tc.in), size), 0, 1)) {
					if step.Fault == nil {
						got = append(got, 0)
						continue
					}
					got = append(got, step.Fault.Problem)
				}
				require.Equal(t, tc.want, got, "in pieces of %d", size)
			}
		})
	}
}

// A line without an end must not be held in memory.
func TestEndlessLineInBoundedMemory(t *testing.T) {
	t.Parallel()
	left := 64 * MaxBytes
	endless := readFunc(func(p []byte) (int, error) {
		n := min(len(p), left)
		if left -= n; n == 0 {
			return 0, io.EOF
		}
		for i := range p[:n] {
			p[i] = 'x'
		}
		return n, nil
	})
	s := New(endless, 0, 1)
	var fault *MalformedError
	require.ErrorAs(t, s.Scan(t.Context()), &fault)
	require.Equal(t, &MalformedError{Problem: TooLong, Column: 1, Cut: true}, fault)
	require.LessOrEqual(t, cap(s.buf), 3*MaxBytes)
	require.Len(t, s.Raw(), maxKept)
	require.ErrorIs(t, s.Scan(t.Context()), io.EOF)
	offset, _ := s.Position()
	require.Equal(t, int64(64*MaxBytes), offset)
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")

	t.Run("records before the error come first", func(t *testing.T) {
		t.Parallel()
		s := New(io.MultiReader(strings.NewReader("a,b\nc"), iotest.ErrReader(broken)), 0, 1)
		require.NoError(t, s.Scan(t.Context()))
		require.Equal(t, "b", string(s.Field(1)))
		require.ErrorIs(t, s.Scan(t.Context()), broken)
		require.ErrorIs(t, s.Scan(t.Context()), broken, "it stays broken")
	})
	t.Run("in a line that is too long", func(t *testing.T) {
		t.Parallel()
		s := New(io.MultiReader(bytes.NewReader(make([]byte, 3*MaxBytes)), iotest.ErrReader(broken)), 0, 1)
		require.ErrorIs(t, s.Scan(t.Context()), broken)
	})
	t.Run("a reader that gives nothing", func(t *testing.T) {
		t.Parallel()
		s := New(readFunc(func([]byte) (int, error) { return 0, nil }), 0, 1)
		require.ErrorIs(t, s.Scan(t.Context()), io.ErrNoProgress)
	})
	t.Run("a context that is done", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, New(strings.NewReader("a\n"), 0, 1).Scan(ctx), context.Canceled)
	})
	t.Run("a context that ends between two reads", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		reads := 0
		s := New(readFunc(func(p []byte) (int, error) {
			reads++
			if reads == 3 {
				cancel()
			}
			return len(p) / 2, nil
		}), 0, 1)
		require.ErrorIs(t, s.Scan(ctx), context.Canceled)
		require.Equal(t, 3, reads)
	})
}

func TestResumeFromAnyPosition(t *testing.T) {
	t.Parallel()
	in := "\xef\xbb\xbfa,b\n\n\"c\nd\",e\r\nf\"g\n\"h\ni,\"j\"\nk,l"
	all := scanAll(t, New(strings.NewReader(in), 0, 1))
	require.Len(t, all, 6)
	for i, step := range all {
		seeked := New(strings.NewReader(in[step.Offset:]), step.Offset, step.NextLine)
		require.Equal(t, all[i+1:], append([]scanned{}, scanAll(t, seeked)...))

		skipped := New(strings.NewReader(in), 0, 1)
		require.NoError(t, skipped.Scan(t.Context()))
		require.NoError(t, skipped.Skip(t.Context(), step.Offset, step.NextLine))
		require.Equal(t, all[i+1:], append([]scanned{}, scanAll(t, skipped)...))
	}
}

func TestSkipFails(t *testing.T) {
	t.Parallel()
	s := New(strings.NewReader("a\nb\n"), 0, 1)
	require.ErrorIs(t, s.Skip(t.Context(), 5, 3), io.ErrUnexpectedEOF)

	broken := errors.New("broken")
	s = New(iotest.ErrReader(broken), 0, 1)
	require.ErrorIs(t, s.Skip(t.Context(), 5, 3), broken)
}
