package record

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScanRecords(t *testing.T) {
	t.Parallel()
	type rec struct {
		line   int64
		fields []string
	}
	for name, tc := range map[string]struct {
		in   string
		want []rec
	}{
		"empty":                 {"", nil},
		"only blank lines":      {"\n\r\n\n", nil},
		"one field":             {"a\n", []rec{{1, []string{"a"}}}},
		"fields":                {"a,b,c\n", []rec{{1, []string{"a", "b", "c"}}}},
		"empty fields":          {",,\n", []rec{{1, []string{"", "", ""}}}},
		"CRLF":                  {"a,b\r\nc,d\r\n", []rec{{1, []string{"a", "b"}}, {2, []string{"c", "d"}}}},
		"CR within a line":      {"a\rb,c\n", []rec{{1, []string{"a\rb", "c"}}}},
		"no final line end":     {"a\nb", []rec{{1, []string{"a"}}, {2, []string{"b"}}}},
		"final CR":              {"a,\"b\"\r", []rec{{1, []string{"a", "b"}}}},
		"quoted":                {"\"a\",\"b\"\n", []rec{{1, []string{"a", "b"}}}},
		"quoted empty":          {"\"\",\"\"\n", []rec{{1, []string{"", ""}}}},
		"quoted comma":          {"\"a,b\",c\n", []rec{{1, []string{"a,b", "c"}}}},
		"doubled quotes":        {"\"say \"\"hi\"\"\",\"\"\"\"\n", []rec{{1, []string{`say "hi"`, `"`}}}},
		"quoted line ends":      {"\"a\nb\r\nc\",d\ne\n", []rec{{1, []string{"a\nb\r\nc", "d"}}, {4, []string{"e"}}}},
		"two quoted line ends":  {"\"a\n\",\"\n\"\ne\n", []rec{{1, []string{"a\n", "\n"}}, {4, []string{"e"}}}},
		"quoted at the end":     {"a,\"b\"", []rec{{1, []string{"a", "b"}}}},
		"blank lines counted":   {"a\n\n\nb\n", []rec{{1, []string{"a"}}, {4, []string{"b"}}}},
		"byte order mark":       {"\xef\xbb\xbfa\nb\n", []rec{{1, []string{"a"}}, {2, []string{"b"}}}},
		"mark and quote":        {"\xef\xbb\xbf\"a\"\n", []rec{{1, []string{"a"}}}},
		"mark only at the top":  {"a\n\xef\xbb\xbfb\n", []rec{{1, []string{"a"}}, {2, []string{"\xef\xbb\xbfb"}}}},
		"spaces are kept":       {" a , b\n", []rec{{1, []string{" a ", " b"}}}},
		"multi-byte characters": {"é,\"日\"\n", []rec{{1, []string{"é", "日"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 2, 3, 7, 1 << 20} {
				var got []rec
				for _, step := range scanAll(t, New(pieces(strings.NewReader(tc.in), size), 0, 1)) {
					require.Nil(t, step.Fault)
					got = append(got, rec{step.Line, step.Fields})
				}
				require.Equal(t, tc.want, got, "in pieces of %d", size)
			}
		})
	}
}

func TestScanMalformed(t *testing.T) {
	t.Parallel()
	const good = "good,row\n"
	for name, tc := range map[string]struct {
		in     string
		fault  MalformedError
		reason string
	}{
		"quote in an unquoted field": {"a,b\"c\n", MalformedError{Problem: BareQuote, Field: 1, Column: 3}, "inside an unquoted value"},
		"text behind a quote":        {"a,b,\"c\"d\n", MalformedError{Problem: AfterQuote, Field: 2, Column: 5}, "after the closing quote"},
		"space behind a quote":       {"\"c\" ,d\n", MalformedError{Problem: AfterQuote, Field: 0, Column: 1}, "after the closing quote"},
		"open quote":                 {"a,\"b\n", MalformedError{Problem: OpenQuote, Field: 1, Column: 3}, "without a closing quote"},
		"open behind an escape":      {"a,\"b\"\"\n", MalformedError{Problem: OpenQuote, Field: 1, Column: 3}, "without a closing quote"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 5, 1 << 20} {
				got := scanAll(t, New(pieces(strings.NewReader(good+tc.in+good+good), size), 0, 1))
				require.Len(t, got, 4, "the rows around it are read")
				require.Equal(t, &tc.fault, got[1].Fault)
				require.Equal(t, int64(2), got[1].Line)
				require.ErrorContains(t, got[1].Fault, tc.reason)
				require.Equal(t, []string{"good", "row"}, got[2].Fields)
				require.Equal(t, int64(3), got[2].Line)
				require.Equal(t, int64(4), got[3].Line)
			}
		})
	}
}

// A stray quote pairs with the next one, many rows below; those rows must come
// out all the same.
func TestStrayQuoteCostsOneRow(t *testing.T) {
	t.Parallel()
	in := "a,\"b\n" + strings.Repeat("c,d\n", 1000) + "e,\"f\"\n"
	got := scanAll(t, New(strings.NewReader(in), 0, 1))
	require.Len(t, got, 1002)
	require.Equal(t, &MalformedError{Problem: AfterQuote, Field: 1, Column: 3}, got[0].Fault)
	for i, step := range got[1:] {
		require.Nil(t, step.Fault)
		require.Equal(t, int64(i+2), step.Line)
	}
	require.Equal(t, []string{"e", "f"}, got[1001].Fields)
}

func TestCutRecord(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   string
		want MalformedError
	}{
		"on the first line": {"a,\"b", MalformedError{Problem: OpenQuote, Field: 1, Column: 3, Cut: true}},
		"further down":      {"a,\"b\n", MalformedError{Problem: OpenQuote, Field: 1, Column: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := scanAll(t, New(strings.NewReader(tc.in), 0, 1))
			require.Len(t, got, 1)
			require.Equal(t, &tc.want, got[0].Fault)
			require.Equal(t, !tc.want.Cut, got[0].Terminated)
		})
	}
}

func TestColumnsAndRaw(t *testing.T) {
	t.Parallel()
	s := New(strings.NewReader("ab,\"c\"\"d\",e\r\n"), 0, 1)
	require.NoError(t, s.Scan(t.Context()))
	require.Equal(t, 3, s.Len())
	require.Equal(t, []int{1, 4, 11}, []int{s.Column(0), s.Column(1), s.Column(2)})
	require.Equal(t, `c"d`, string(s.Field(1)))
	require.Equal(t, "ab,\"c\"\"d\",e\r\n", string(s.Raw()))
	require.True(t, s.Terminated())
}
