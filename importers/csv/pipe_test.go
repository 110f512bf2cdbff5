//go:build unix

package csv

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers/importertest"
)

// What is no regular file is refused at once, at every step: the open of a named pipe would
// wait for its writer.
func TestNamedPipe(t *testing.T) {
	t.Parallel()
	for _, name := range []string{goodName, goodName + ".gz", "export.zip"} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, syscall.Mkfifo(path, 0o600))
		imp, _ := run(t, 10, path)
		requireFault(t, importertest.BeforeStart(t.Context(), New(), imp), path+": is neither a file nor a directory")
		_, err := New().Plan(t.Context(), imp)
		requireFault(t, err, path+": is neither a file nor a directory")
		_, err = New().Fingerprint(t.Context(), imp)
		require.NoError(t, err, "planning tells what is wrong")
		_, err = New().openArchive(t.Context(), path)
		requireFault(t, err, "is not a regular file but a named pipe")
		_, err = New().hashFile(t.Context(), path)
		requireFault(t, err, "is not a regular file but a named pipe")
	}
}

// A file that becomes a named pipe after planning fails its part with the reason.
func TestPlannedFileBecomesPipe(t *testing.T) {
	t.Parallel()
	dir := files{goodName: goodText}.write(t)
	imp, _ := run(t, 10, dir)
	c := New()
	plan, err := c.Plan(t.Context(), imp)
	require.NoError(t, err)
	path := filepath.Join(dir, goodName)
	require.NoError(t, os.Remove(path))
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err = c.ImportData(t.Context(), imp, plan.Parts[0], "")
	requireFault(t, err, goodName+": is not a regular file but a named pipe")
	next, log := run(t, 10, dir)
	_, err = c.Plan(t.Context(), next)
	requireFault(t, err, path+" was ignored: it is not a regular file")
	require.Empty(t, log.Lines())
}

// No retry cures a link that leads back to itself, or a path that cannot exist.
func TestImpossiblePaths(t *testing.T) {
	t.Parallel()
	dir := files{goodName: goodText}.write(t)
	loop := filepath.Join(dir, "loop.csv")
	require.NoError(t, os.Symlink(loop, loop))
	for path, want := range map[string]string{
		loop:                                  loop + ": is a symbolic link to itself: name the file",
		filepath.Join(dir, goodName, "x.csv"): "not a directory",
		filepath.Join(dir, strings.Repeat("a", 300)+".csv"): "file name too long",
	} {
		imp, _ := run(t, 10, path)
		requireFault(t, importertest.BeforeStart(t.Context(), New(), imp), want)
	}
	imp, _ := run(t, 10, dir)
	requireFault(t, importertest.BeforeStart(t.Context(), New(), imp), loop+": is a symbolic link to itself")
}

func requireFault(t *testing.T, err error, want string) {
	t.Helper()
	require.ErrorContains(t, err, want)
	requireInputFault(t, err)
}
