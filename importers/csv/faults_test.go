package csv

import (
	"archive/zip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
)

const (
	goodName = "imported_visitors_20210101_20210131.csv"
	goodText = "date,visitors,pageviews\n2021-01-01,1,2\n2021-01-02,3,4\n"
)

// TestPlanFaults has the exact text of everything that a plan refuses.
func TestPlanFaults(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]files{
		"wrong names": {
			"pages.csv": goodText, "imported_pages_2021.csv": goodText, "imported_page_20210101_20210131.csv": goodText,
			"imported_visitors_20210230_20210301.csv": goodText, "imported_visitors_20210301_20210201.csv": goodText,
			"imported_visitor_20211301_20211399.csv.gz": goodText, "imported_zzz_19600101_20210101.csv": goodText,
			"imported_visitors_20210101_20210131 (1).csv": goodText, "visitors-20210101-20210131.csv": goodText,
		},
		"two files of a table": {
			goodName: goodText, "visitors_20220101_20220131.csv": goodText, "imported_visitors_20230101_20230131.csv.gz": gzipped(t, goodText),
		},
		"unknown columns":       {goodName: "date,visitor,pageviews,\"x\ny\",visitors\n"},
		"column twice":          {goodName: "date,visitors,pageviews,visitors\n"},
		"no date":               {goodName: "visitors,pageviews\n"},
		"semicolons":            {goodName: "date;visitors;pageviews\n2021-01-01;1;2\n"},
		"data at the top":       {goodName: "2021-01-01,1,2\n"},
		"broken header":         {goodName: "date,\"visitors\n2021-01-01,1\n"},
		"endless header":        {goodName: strings.Repeat("date,", 300_000)},
		"empty file":            {goodName: ""},
		"blank file":            {goodName: "\xef\xbb\xbf\r\n\n"},
		"binary":                {goodName: "\x7fELF\x00\x01"},
		"not UTF-8":             {goodName: "date,visit\xe9s\n"},
		"UTF-16":                {goodName: "\xff\xfed\x00a\x00t\x00e\x00\n\x00"},
		"a zip by name of csv":  {goodName: zipped(t, member{name: goodName, text: goodText})},
		"a gzip by name of csv": {goodName: gzipped(t, goodText)},
		"a csv by name of gzip": {goodName + ".gz": goodText},
		"empty gzip":            {goodName + ".gz": ""},
		"damaged gzip":          {goodName + ".gz": gzipped(t, goodText)[:20]},
		"nothing to import":     {"readme.txt": "hello", "imported_custom_props_20210101_20210131.csv": "date\n"},
		"no files":              {},
		"many faults at once": {
			goodName: "date,visitor\n", "imported_pages_20210101_20210131.csv": "", "wrong.csv": "", "imported_sources_20210101_20210131.csv": "source,visitors\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := in.write(t)
			imp, _ := run(t, 10, dir)
			_, err := New().Plan(t.Context(), imp)
			class, permanent := importers.ClassOf(err)
			require.True(t, permanent, "%v", err)
			require.Equal(t, importers.ClassInput, class)
			golden(t, err.Error(), dir)
		})
	}
}

func TestArchiveFaults(t *testing.T) {
	t.Parallel()
	good := member{name: goodName, text: goodText}
	named := func(names ...string) string {
		all := make([]member, len(names))
		for i, name := range names {
			all[i] = member{name: name, text: goodText}
		}
		return zipped(t, all...)
	}
	for name, archive := range map[string]string{
		"paths out of it": named("../"+goodName, "/"+goodName, "a/../../"+goodName, `..\`+goodName, "a/../"+goodName),
		"symbolic link":   zipped(t, member{name: goodName, text: "/etc/passwd", change: func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }}),
		"encrypted":       zipped(t, member{name: goodName, text: goodText, change: func(h *zip.FileHeader) { h.Flags |= 1 }}),
		"nested":          zipped(t, good, member{name: "more.zip", text: "PK"}, member{name: "pages_20210101_20210131.csv.gz", text: "x"}),
		"wrong name":      named("x/pages.csv"),
		"two folders":     named("a/"+goodName, "b/"+goodName),
		"empty":           zipped(t),
		"only others":     named("readme.txt", "__MACOSX/._"+goodName, ".hidden.csv", "a/b/"+goodName),
		"not an archive":  "this is no archive",
		"truncated":       zipped(t, good)[:60],
		"too many":        zipped(t, append([]member{good}, make([]member, 8)...)...),
		"too large":       named(goodName, "pages_20210101_20210131.csv"),
		"ratio":           zipped(t, member{name: goodName, text: goodText + strings.Repeat("2021-01-01,1,2\n", 50_000)}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := files{"export.zip": archive}.write(t)
			imp, _ := run(t, 10, filepath.Join(dir, "export.zip"))
			c := New()
			c.limits = limits{members: 8, uncompressed: 1 << 20, ratio: 50, ratioFree: 10_000}
			if name == "too large" {
				c.limits.uncompressed = int64(len(goodText)) * 3 / 2
			}
			_, err := c.Plan(t.Context(), imp)
			class, permanent := importers.ClassOf(err)
			require.True(t, permanent, "%v", err)
			require.Equal(t, importers.ClassInput, class)
			golden(t, err.Error(), dir)
		})
	}
}

func TestPathFaults(t *testing.T) {
	t.Parallel()
	dir := files{goodName: goodText, "notes.txt": "x"}.write(t)
	imp, _ := run(t, 10, filepath.Join(dir, "missing"), filepath.Join(dir, "notes.txt"), os.DevNull)
	err := importertest.BeforeStart(t.Context(), New(), imp)
	class, _ := importers.ClassOf(err)
	require.Equal(t, importers.ClassInput, class)
	golden(t, err.Error(), dir)
}
