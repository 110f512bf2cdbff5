package csv_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/importertest"
)

// Nothing is imported from outside the roots, and no error shows a line of what lies there.
func TestRoots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, outside := filepath.Join(dir, "root"), filepath.Join(dir, "outside")
	const name = "imported_pages_20210101_20210131.csv"
	for _, folder := range []string{root, outside} {
		require.NoError(t, os.Mkdir(folder, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("hunter2:x:0:0\n"), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(root, "links"), 0o755))
	require.NoError(t, os.Symlink(filepath.Join(outside, name), filepath.Join(root, "links", name)))
	plan := func(c *csv.Importer, path string) error {
		raw, err := json.Marshal(csv.Args{Paths: []string{path}})
		require.NoError(t, err)
		imp := importers.Import{Args: raw, Feedback: &importertest.Log{}}
		_, err = c.BeforeStart(t.Context(), imp)
		if err != nil {
			return err
		}
		_, err = c.Plan(t.Context(), imp)
		return err
	}
	within := csv.Within([]string{root})
	for _, path := range []string{outside, filepath.Join(outside, name), filepath.Join(root, "links"), filepath.Join(root, "links", name), "/etc"} {
		err := plan(within, path)
		class, permanent := importers.ClassOf(err)
		require.True(t, permanent, path)
		require.Equal(t, importers.ClassAccess, class)
		require.ErrorContains(t, err, "see the setting csv.roots (SLUICE_CSV_ROOTS) of the worker")
		require.NotContains(t, err.Error(), "hunter2")
	}
	err := plan(within, root)
	require.ErrorContains(t, err, `the required column "date" is missing`)
	require.ErrorContains(t, err, "unknown column 1")
	require.NotContains(t, err.Error(), "hunter2")
	require.ErrorContains(t, plan(csv.Within([]string{}), root), "no folder is allowed")
}

// The first line of a file that is no export is in no error, whatever it is taken for.
func TestFirstLineIsNotShown(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, line := range []string{
		secret, secret + "," + secret, "root:" + secret + ":0:0", "KEY=" + secret, `"` + secret + `"`, `"` + secret, secret + `"x`, "a,," + secret,
		secret + ";" + secret, secret + "\t" + secret, "sep=" + secret, "sep=,\n" + secret, secret + "\x00", secret + "\xff", "visitors,visitors," + secret,
		"2021-01-01," + secret, "bounce_rate," + secret, "datee," + secret, secret + ",dat",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "imported_pages_20210101_20210131.csv"), []byte(line+"\n"), 0o600))
		raw, err := json.Marshal(csv.Args{Paths: []string{dir}})
		require.NoError(t, err)
		_, err = csv.New().Plan(t.Context(), importers.Import{Args: raw, Feedback: &importertest.Log{}})
		require.Error(t, err, line)
		require.NotContains(t, err.Error(), secret, line)
	}
}
