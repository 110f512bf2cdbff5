package csv

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
)

func TestDiscoverIgnores(t *testing.T) {
	t.Parallel()
	dir := files{
		goodName: goodText, "readme.txt": "x", "export.zip": "x", ".DS_Store": "x", "." + goodName: "x",
		"__MACOSX/._" + goodName: "x", "old/" + goodName: "x", "imported_custom_props_20210101_20210131.csv": "x",
	}.write(t)
	imp, log := run(t, 10, dir)
	c := New()
	require.NoError(t, importertest.BeforeStart(t.Context(), c, imp))
	require.Empty(t, log.Lines(), "only planning tells")
	plan, err := c.Plan(t.Context(), imp)
	require.NoError(t, err)
	require.Len(t, plan.Parts, 1)
	require.Equal(t, []string{
		"info: " + dir + "/imported_custom_props_20210101_20210131.csv is skipped: custom properties cannot be imported",
		"warn: " + dir + "/export.zip was ignored: it is a zip archive: name it, or unpack it and name the folder",
		"warn: " + dir + "/old is a sub-directory and was not searched: name it too if it contains files to import",
		"warn: " + dir + "/readme.txt was ignored: in a directory, only .csv and .csv.gz files are imported",
	}, log.Lines())
}

// Of many ignored files the log names the first ones, and counts the others.
func TestManyIgnored(t *testing.T) {
	t.Parallel()
	all := files{goodName: goodText}
	for i := range 200 {
		all[fmt.Sprintf("note%03d.txt", i)] = "x"
	}
	imp, log := run(t, 10, all.write(t))
	_, err := New().Plan(t.Context(), imp)
	require.NoError(t, err)
	lines := log.Lines()
	require.Len(t, lines, maxIgnored+1)
	require.Contains(t, lines[0], "note000.txt was ignored")
	require.Equal(t, "warn: 180 more files were ignored", lines[maxIgnored])
}

func TestArchiveIgnores(t *testing.T) {
	t.Parallel()
	path := filepath.Join(files{"export.zip": zipped(t,
		member{name: "x/"}, member{name: "x/" + goodName, text: goodText}, member{name: "x/y/" + goodName, text: goodText},
		member{name: "./" + devicesName, text: "date\n"}, member{name: "readme.txt"}, member{name: "__MACOSX/x/._" + goodName + ".gz"},
		member{name: "x/.hidden"}, member{name: "imported_custom_props_20210101_20210131.csv"},
	)}.write(t), "export.zip")
	imp, log := run(t, 10, path)
	plan, err := New().Plan(t.Context(), imp)
	require.NoError(t, err)
	require.Len(t, plan.Parts, 2)
	require.Equal(t, []string{
		"info: " + path + "/imported_custom_props_20210101_20210131.csv is skipped: custom properties cannot be imported",
		"warn: " + path + "/x/y/" + goodName + " was ignored: in an archive, only the top level and folders at the top level are searched; move it up and pack again",
		"warn: " + path + "/readme.txt was ignored: in an archive, only .csv files are imported",
	}, log.Lines())
}

// The largest file comes first; days go from the first in any name to the last.
func TestPlanOrder(t *testing.T) {
	t.Parallel()
	dir := files{
		"imported_visitors_20210105_20210131.csv": "date,visitors\n", "imported_pages_20210102_20210103.csv": "date,page\n2021-01-02,/\n",
		"devices_20210401_20210402.csv": "date\n",
	}.write(t)
	imp, _ := run(t, 10, dir)
	plan, err := New().Plan(t.Context(), imp)
	require.NoError(t, err)
	require.Equal(t, "2021-01-02..2021-04-02", plan.Range.String())
	var labels []string
	for _, part := range plan.Parts {
		labels = append(labels, part.Label)
	}
	require.Equal(t, []string{
		"imported_pages_20210102_20210103.csv", "imported_visitors_20210105_20210131.csv", "devices_20210401_20210402.csv",
	}, labels)
}

func TestSymbolicLinkToFile(t *testing.T) {
	t.Parallel()
	data := files{"data": goodText}.write(t)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(data, "data"), filepath.Join(dir, goodName)))
	copies, err := readOnly(t, 10, dir)
	require.NoError(t, err)
	require.Len(t, copies[0].Rows, 2)
}

func TestStoredArgs(t *testing.T) {
	t.Parallel()
	c := New()
	require.Equal(t, "csv", c.Name())
	require.Equal(t, "CSV export", c.Label())
	broken := importers.Import{Args: []byte(`{"paths": 1}`)}
	_, planErr := c.Plan(t.Context(), broken)
	_, readErr := c.ImportData(t.Context(), broken, importers.Part{Args: []byte(`[]`)}, "")
	for _, err := range []error{importertest.BeforeStart(t.Context(), c, broken), planErr, readErr} {
		class, _ := importers.ClassOf(err)
		require.Equal(t, importers.ClassInternal, class, "%v", err)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	imp, log := run(t, 10, "/gone")
	require.NoError(t, New().Finalize(t.Context(), imp, importers.Result{RowsRead: 10, RowsLoaded: 7, RowsRejected: 2, RowsOutOfRange: 1}))
	require.NoError(t, New().OnFailure(t.Context(), imp, "cancelled"))
	require.Equal(t, []string{"info: CSV files read: 10 rows, of which 7 loaded, 2 rejected, 1 out of range and 0 left out"}, log.Lines())
}
