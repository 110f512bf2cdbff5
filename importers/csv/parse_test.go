package csv

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func TestParseArgs(t *testing.T) {
	t.Parallel()
	many := `"/a` + strings.Join(make([]string, MaxPaths+1), `","/a`) + `"`
	for name, tc := range map[string]struct{ in, want, err string }{
		"good":         {in: `{"paths": ["/data/export/", "/data//a.zip"]}`, want: `{"paths":["/data/export","/data/a.zip"]}`},
		"unknown":      {in: `{"paths": ["/a"], "path": "/b"}`, err: `unknown argument "path": the arguments are paths`},
		"other case":   {in: `{"Paths": ["/a"]}`, err: `unknown argument "Paths"`},
		"none":         {in: ``, err: `want at least one path`},
		"empty list":   {in: `{"paths": []}`, err: `want at least one path`},
		"null":         {in: `null`, err: `not a JSON object`},
		"not a list":   {in: `{"paths": "/a"}`, err: `argument "paths": want a list, got a string`},
		"not strings":  {in: `{"paths": [1]}`, err: `argument "paths[0]": want a string, got a number`},
		"relative":     {in: `{"paths": ["a", "/b", "./c"]}`, err: "path 1, \"a\", is not absolute: it must start with \"/\"\nargument \"paths\": path 3, \"./c\", is not"},
		"twice":        {in: `{"paths": ["/a/b", "/a/./b/"]}`, err: `"/a/b" is given twice`},
		"empty path":   {in: `{"paths": [""]}`, err: `path 1 is empty`},
		"NUL":          {in: `{"paths": ["/a\u0000"]}`, err: `path 1 contains a NUL byte`},
		"long":         {in: `{"paths": ["/` + strings.Repeat("a", 3000) + `"]}`, err: `path 1 is longer than 2000 bytes`},
		"too many":     {in: `{"paths": [` + many + `]}`, err: `101 paths, the limit is 100: name a directory`},
		"text behind":  {in: `{"paths": ["/a"]} x`, err: `unexpected text after`},
		"given twice":  {in: `{"paths": ["/a"], "paths": ["/b"]}`, err: `argument "paths" is given twice`},
		"not finished": {in: `{"paths": ["/a"]`, err: `not valid JSON`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := New().ParseArgs([]byte(tc.in))
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, string(got))
		})
	}
}

func TestParseName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"imported_pages_20210101_20211231.csv":              "imported_pages 2021-01-01..2021-12-31",
		"pages_20210101_20210101.csv":                       "imported_pages 2021-01-01..2021-01-01",
		"imported_entry_pages_20200229_20211231.csv.gz":     "imported_entry_pages 2020-02-29..2021-12-31",
		"operating_systems_19700101_21490606.CSV.GZ":        "imported_operating_systems 1970-01-01..2149-06-06",
		"imported_imported_pages_20210101_20211231.csv":     "",
		"imported_pages_20210101_20211231.csv.gz.gz":        "",
		"imported_pages_20210101_20211231.tsv":              "",
		"imported_pages_20210101_20211231":                  "",
		"imported_pages_20210101_2021123x.csv":              "",
		"imported_pages_20210101x20211231.csv":              "",
		"imported_pages_21490607_21490607.csv":              "",
		"_20210101_20211231.csv":                            "",
		"imported__20210101_20211231.csv":                   "",
		".csv":                                              "",
		"":                                                  "",
		"imported_custom_props_x_20210101_20211231.csv":     "",
		strings.Repeat("x", 300) + "_20210101_20211231.csv": "",
	} {
		got, err := parseName(name)
		if want == "" {
			require.Error(t, err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, want, got.table.Name+" "+got.days.String())
	}
	_, err := parseName("imported_custom_props_20210101_20211231.csv")
	require.ErrorIs(t, err, errCustomProps)
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	valid := []string{"pages", "entry_pages", "visitors"}
	require.Equal(t, ` (did you mean "pages"?)`, didYouMean("page", valid))
	require.Equal(t, ` (did you mean "entry_pages"?)`, didYouMean("entrypages", valid))
	require.Equal(t, ` (did you mean "visitors"?)`, didYouMean("visitor", valid))
	require.Empty(t, didYouMean("countries", valid))
	require.Empty(t, didYouMean("", valid))
	require.Empty(t, didYouMean(strings.Repeat("pages", 1000), valid))
}

func TestCursor(t *testing.T) {
	t.Parallel()
	p := position{offset: math.MaxInt64, line: 12}
	require.Equal(t, importers.Cursor("1:9223372036854775807:12"), p.cursor())
	got, err := parseCursor(p.cursor())
	require.NoError(t, err)
	require.Equal(t, p, got)
	for _, bad := range []importers.Cursor{
		"", "1", "1:", "1:5", "1:5:", "1::5", "2:5:5", "1:-5:5", "1:5:0", "1:+5:1", "1:5:5:5", "1:99999999999999999999:1", "1:1:99999999999999999999",
	} {
		_, err := parseCursor(bad)
		class, _ := importers.ClassOf(err)
		require.Equal(t, importers.ClassInternal, class, bad)
	}
}

// Cursors that are well formed but of another file.
func TestCursorElsewhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{goodName, goodName + ".gz"} {
		text := goodText
		if isGzip(name) {
			text = gzipped(t, goodText)
		}
		imp, _ := run(t, 10, files{name: text}.write(t))
		plan, err := New().Plan(t.Context(), imp)
		require.NoError(t, err)
		for _, c := range []importers.Cursor{"1:0:1", "1:5:2", "1:1000:50", "1:30:1"} {
			_, err := New().ImportData(t.Context(), imp, plan.Parts[0], c)
			_, permanent := importers.ClassOf(err)
			require.True(t, permanent, "%s: %v", c, err)
		}
	}
}

func TestParseUint(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]uint64{
		"": 0, "0": 0, "7": 7, "0012": 12, "9999999999999999999": 9999999999999999999,
		"18446744073709551615": math.MaxUint64, "000000000000000000000000000001": 1,
	} {
		got, ok := parseUint([]byte(in))
		require.True(t, ok, in)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"-1", "+1", " 1", "1 ", "1.0", "x", "1/2", "18446744073709551616", "184467440737095516150", "1234567890123456789012x"} {
		_, ok := parseUint([]byte(bad))
		require.False(t, ok, bad)
		require.NotEmpty(t, whyNotUint([]byte(bad), schema.KindUint64))
	}
}
