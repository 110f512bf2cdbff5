package csv

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/warehouse/schema"
)

const pagesName = "imported_pages_20210101_20210131.csv"

// read plans an import of a path, requires one part, and reads it. Warnings come without
// the path's directory.
func read(t *testing.T, dir, path string, leaveOut bool) (rows []string, rejects []importers.Reject, warnings []string, err error) {
	t.Helper()
	imp, log := run(t, 100, path)
	if leaveOut {
		imp.Args = []byte(strings.Replace(string(imp.Args), "{", `{"leave_out_unknown_columns": true, `, 1))
	}
	plan, err := New().Plan(t.Context(), imp)
	if err != nil {
		return nil, nil, nil, err
	}
	require.Len(t, plan.Parts, 1)
	copies, err := importertest.ReadPart(t.Context(), New(), imp, plan.Parts[0], "")
	for _, c := range copies {
		rows, rejects = append(rows, c.Rows...), append(rejects, c.Rejects...)
	}
	for _, line := range log.Lines() {
		warnings = append(warnings, strings.ReplaceAll(line, dir+"/", ""))
	}
	return rows, rejects, warnings, err
}

// utf16le writes a text as Windows calls "Unicode".
func utf16le(text string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

// TestDialects reads what spreadsheets, desktops and other systems make of a good file.
func TestDialects(t *testing.T) {
	t.Parallel()
	const good = "date,visitors,pageviews\n2021-01-01,1,2\n2021-01-02,3,4\n"
	lines := strings.Split(strings.TrimSuffix(good, "\n"), "\n")
	for name, text := range map[string]string{
		"as it is":                   good,
		"sep line":                   "sep=,\n" + good,
		"sep line, CRLF":             "SEP=,\r\n" + strings.ReplaceAll(good, "\n", "\r\n"),
		"sep line behind a mark":     "\xef\xbb\xbfsep=,\r\n" + good,
		"quoted sep line":            "\"sep=,\"\n" + good,
		"sep line saved again":       "sep=,,,\n" + good,
		"CR":                         strings.ReplaceAll(good, "\n", "\r"),
		"CR, mark, sep line":         "\xef\xbb\xbfsep=,\r" + strings.ReplaceAll(good, "\n", "\r"),
		"two CRs and LF":             strings.ReplaceAll(good, "\n", "\r\r\n"),
		"CR, then LF":                strings.Replace(good, "\n", "\r", 1),
		"quoted header":              "\"date\",\"visitors\",\"pageviews\"\n" + lines[1] + "\n" + lines[2] + "\n",
		"upper case":                 strings.ToUpper(lines[0]) + "\n" + lines[1] + "\n" + lines[2] + "\n",
		"blanks in the header":       " Date , Visitors,\tPageviews \n" + lines[1] + "\n" + lines[2] + "\n",
		"mark twice":                 "\xef\xbb\xbf\xef\xbb\xbf" + good,
		"nameless columns":           lines[0] + ",,\n" + lines[1] + ",,\n" + lines[2] + ",,\n",
		"nameless, short rows":       lines[0] + ",, \n" + lines[1] + "\n" + lines[2] + ",\n",
		"blank lines at the end":     good + "\n\r\n\n",
		"emptied rows":               good + ",,\n,,\n",
		"emptied rows, more columns": good + ",,,,\n,\n",
		"emptied row within":         lines[0] + "\n" + lines[1] + "\n,,\n" + lines[2] + "\n",
		"null":                       "date,visitors,pageviews,bounces\n2021-01-01,1,2,\\N\n2021-01-02,3,4,\\N\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := files{goodName: text, "z.gz/" + goodName + ".gz": gzipped(t, text)}.write(t)
			for _, path := range []string{goodName, "z.gz/" + goodName + ".gz"} {
				rows, rejects, warnings, err := read(t, dir, filepath.Join(dir, path), false)
				require.NoError(t, err)
				require.Empty(t, rejects)
				require.Empty(t, warnings)
				require.Equal(t, []string{"18628\t1\t2\t0\t0\t0\t", "18629\t3\t4\t0\t0\t0\t"}, rows)
			}
		})
	}
}

// TestDialectFaults checks the exact text of refusals, including the remedy.
func TestDialectFaults(t *testing.T) {
	t.Parallel()
	visitors := "date,visitors,pageviews,visits,views_per_visit,bounce_rate,visit_duration\n2021-01-01,1,2,1,2,50,60\n"
	for name, in := range map[string]files{
		"sep line with semicolons": {goodName: "sep=;\ndate;visitors\n2021-01-01;1\n"},
		"quoted semicolons":        {goodName: "\"date\";\"visitors\"\n\"2021-01-01\";1\n"},
		"tabs":                     {goodName: "date\tvisitors\n2021-01-01\t1\n"},
		"UTF-16 without a mark":    {goodName: utf16le(goodText)},
		"UTF-16 with CR":           {goodName: "\xff\xfe" + utf16le(strings.ReplaceAll(goodText, "\n", "\r\n"))},
		"nameless column within":   {goodName: "date,,visitors\n2021-01-01,,1\n"},
		"twice but for case":       {goodName: "date,visitors,Visitors\n"},
		"tar in gzip":              {goodName + ".gz": gzipped(t, goodName+strings.Repeat("\x00", 257-len(goodName))+"ustar\x0000"+strings.Repeat("\x00", 247)+goodText)},
		"copies":                   {goodName: goodText, "imported_visitors_20210101_20210131 (1).csv": goodText},
		"dashboard": {
			"visitors.csv": visitors, "pages.csv": "name,visitors\n/,1\n", "sources.csv": "name,visitors\n", "countries.csv": "name,visitors\n",
		},
		"one dashboard file":     {"visitors.csv": visitors},
		"dashboard file renamed": {goodName: visitors},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := in.write(t)
			_, _, _, err := read(t, dir, dir, true)
			class, permanent := importers.ClassOf(err)
			require.True(t, permanent, "%v", err)
			require.Equal(t, importers.ClassInput, class)
			golden(t, err.Error(), dir)
		})
	}
}

func TestForeignFiles(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"export.tar.gz":          "is a tar archive: unpack it and name the folder, or pack the files into a zip archive",
		"export.TGZ":             "is a tar archive",
		goodName + ".7z":         "is compressed in an unsupported format: unpack it",
		"export.xlsx":            "is a spreadsheet: import the unmodified CSV files of the export",
		"imported_visitors.tsv":  "is not comma-separated",
		"visitors (1).csv":       "a file of this name may come from Plausible's dashboard export",
		goodName[:20] + "(a).cs": "is not named like an export; expected: ",
	} {
		dir := files{name: "x"}.write(t)
		_, _, _, err := read(t, dir, filepath.Join(dir, name), false)
		require.ErrorContains(t, err, name+": is ")
		require.ErrorContains(t, err, want)
	}
	dir := files{"export.tar.gz": "x", "export.zip": "x"}.write(t)
	_, _, _, err := read(t, dir, dir, false)
	require.ErrorContains(t, err, "export.tar.gz was ignored: it is a tar archive: unpack it")
	require.ErrorContains(t, err, "export.zip was ignored: it is a zip archive: name it, or unpack it and name the folder")
}

// Names of copies and in other cases lead to the file that they are of.
func TestCopiedNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"imported_visitors_20210101_20210131 (1).csv", "imported_visitors_20210101_20210131(2).csv",
		"imported_visitors_20210101_20210131 - Copy.csv", "imported_visitors_20210101_20210131 - Copy (3).csv",
		"imported_visitors_20210101_20210131 copy.csv", "imported_visitors_20210101_20210131 copy 2.csv",
		"imported_visitors_20210101_20210131 2.csv", "Imported_Visitors_20210101_20210131.CSV",
		"visitors_20210101_20210131.csv (1).gz", "visitors_20210101_20210131 (1).csv.gz",
	} {
		got, err := parseName(name)
		require.NoError(t, err, name)
		require.Equal(t, schema.Visitors, got.table, name)
		require.Equal(t, "2021-01-01..2021-01-31", got.days.String(), name)
	}
}

// Programs on Windows write archives with backslashes.
func TestBackslashes(t *testing.T) {
	t.Parallel()
	dir := files{"export.zip": zipped(t, member{name: `export\`}, member{name: `export\` + goodName, text: goodText})}.write(t)
	rows, _, _, err := read(t, dir, filepath.Join(dir, "export.zip"), false)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	for _, name := range []string{`..\` + goodName, `\` + goodName, `C:\` + goodName, `\\host\` + goodName, `a\..\` + goodName} {
		dir := files{"export.zip": zipped(t, member{name: name, text: goodText})}.write(t)
		_, _, _, err := read(t, dir, filepath.Join(dir, "export.zip"), false)
		require.ErrorContains(t, err, "its path leads, or may lead, out of the archive", name)
	}
	twice := zipped(t, member{name: goodName, text: goodText}, member{name: goodName, text: goodText})
	dir = files{"export.zip": twice}.write(t)
	_, _, _, err = read(t, dir, filepath.Join(dir, "export.zip"), false)
	require.ErrorContains(t, err, goodName+": is in the archive twice")
}

// TestEarlierVersions reads exports of earlier and later Plausible versions.
func TestEarlierVersions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text           string
		leaveOut       bool
		row, warn, err string
	}{
		"spring 2024": {
			text: "\"date\",\"visitors\",\"pageviews\",\"exits\",\"time_on_page\",\"hostname\",\"page\"\n\"2021-01-01\",6,10,2,430,\"e.com\",\"/\"\n",
			row:  "18628\t\"e.com\"\t\"/\"\t0\t6\t10\t2\t0\t0\t0\t0\t",
			warn: "warn: " + pagesName + ": skipped columns of an earlier Plausible version, which no imported table has: time_on_page",
		},
		"winter 2025": {
			text: "date,hostname,page,visits,visitors,pageviews,scroll_depth,pageleave_visitors\n2021-01-01,e.com,/,6,5,10,\\N,0\n",
			row:  "18628\t\"e.com\"\t\"/\"\t6\t5\t10\t0\t0\t0\t0\t0\t",
			warn: "warn: " + pagesName + ": skipped columns of an earlier Plausible version, which no imported table has: scroll_depth, pageleave_visitors",
		},
		"unknown": {
			text: "date,page,some_new_metric\n2021-01-01,/,x\n",
			err:  "unknown column \"some_new_metric\"",
		},
		"unknown, the remedy": {
			text: "date,page,some_new_metric\n2021-01-01,/,x\n",
			err:  `--args '{"leave_out_unknown_columns": true}'`,
		},
		"unknown, left out": {
			text: "date,page,some_new_metric\n2021-01-01,/,x\n", leaveOut: true,
			row:  "18628\t\"\"\t\"/\"\t0\t0\t0\t0\t0\t0\t0\t0\t",
			warn: "warn: " + pagesName + ": skipped unknown columns, as requested: some_new_metric",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := files{pagesName: tc.text}.write(t)
			rows, rejects, warnings, err := read(t, dir, filepath.Join(dir, pagesName), tc.leaveOut)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Empty(t, rejects)
			require.Equal(t, []string{tc.row}, rows)
			require.Equal(t, []string{tc.warn}, warnings)
		})
	}
}

// What is left out changes what an import reads, and thus its fingerprint.
func TestFingerprintOfLeavingOut(t *testing.T) {
	t.Parallel()
	dir := files{goodName: goodText}.write(t)
	imp, _ := run(t, 10, dir)
	strict, err := New().Fingerprint(t.Context(), imp)
	require.NoError(t, err)
	imp.Args = []byte(strings.Replace(string(imp.Args), "{", `{"leave_out_unknown_columns": true, `, 1))
	lenient, err := New().Fingerprint(t.Context(), imp)
	require.NoError(t, err)
	require.NotEqual(t, strict, lenient)
}

// A nameless column must be empty: its values would be lost.
func TestNamelessValue(t *testing.T) {
	t.Parallel()
	dir := files{goodName: "date,visitors,\n2021-01-01,1,x\n2021-01-02,2,\n"}.write(t)
	rows, rejects, _, err := read(t, dir, filepath.Join(dir, goodName), false)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Len(t, rejects, 1)
	require.Equal(t, "value in a column without a name: name the column, or clear it", rejects[0].Reason)
}

// A file whose last line has no end may have been cut inside its last number, which no
// number shows. It is warned of wherever the file lies, in the plan or with the last row.
func TestCutInsideTheLastNumber(t *testing.T) {
	t.Parallel()
	whole := "date,visitors\n2021-01-01,7\n2021-01-02,12345\n"
	cut := whole[:len(whole)-4]
	all := files{
		"a/" + goodName: cut, "b/" + goodName + ".gz": gzipped(t, cut), "c/x.zip": zipped(t, member{name: goodName, text: cut}),
		"d/" + goodName: strings.ReplaceAll(cut, "\n", "\r"),
		"e/" + goodName: "date,visitors",
	}
	dir := all.write(t)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		_, _, warnings, err := read(t, dir, filepath.Join(dir, path), false)
		require.NoError(t, err, path)
		require.Len(t, warnings, 1, path)
		require.Contains(t, warnings[0], "the last line has no line end, unlike in every export: the file may be truncated", path)
	}
	// In chunks of one row, and from the last cursor.
	for _, name := range []string{"b/" + goodName + ".gz", "c/x.zip"} {
		imp, log := run(t, 1, filepath.Join(dir, name))
		plan, err := New().Plan(t.Context(), imp)
		require.NoError(t, err)
		copies, err := importertest.ReadPart(t.Context(), New(), imp, plan.Parts[0], "")
		require.NoError(t, err)
		require.Len(t, copies, 2)
		require.Len(t, log.Lines(), 1)
		require.Contains(t, log.Lines()[0], goodName)
		require.Contains(t, log.Lines()[0], ":3: the last line")
	}
	for _, end := range []string{"\n", "\r\n", "\n\n", "\r"} {
		dir := files{goodName: strings.TrimSuffix(whole, "\n") + end, "z/" + goodName + ".gz": gzipped(t, strings.TrimSuffix(whole, "\n")+end)}.write(t)
		for _, path := range []string{goodName, "z/" + goodName + ".gz"} {
			_, _, warnings, err := read(t, dir, filepath.Join(dir, path), false)
			require.NoError(t, err)
			require.Empty(t, warnings, "%q %s", end, path)
		}
	}
}
