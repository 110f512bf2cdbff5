package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/atomicfile"
)

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// requireFiles fails unless the folder has so many files: no temporary one is left.
func requireFiles(t *testing.T, folder string, n int) {
	t.Helper()
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, files, n)
}

func TestReplace(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	require.NoError(t, atomicfile.Replace(path, []byte("old"), 0o600))
	require.Equal(t, "old", content(t, path))
	require.NoError(t, atomicfile.Replace(path, []byte("new"), 0o640))
	require.Equal(t, "new", content(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode().Perm())
	requireFiles(t, folder, 1)

	below := filepath.Join(folder, "folder")
	require.NoError(t, os.Mkdir(below, 0o700))
	require.Error(t, atomicfile.Replace(below, nil, 0o600), "a folder is not replaced")
	requireFiles(t, folder, 2)
	require.ErrorIs(t, atomicfile.Replace(filepath.Join(folder, "none", "file"), nil, 0o600), fs.ErrNotExist)
}

func TestExchange(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	next, err := atomicfile.Prepare(path, []byte("new"), 0o600)
	require.NoError(t, err)
	err = atomicfile.Exchange(next, path)
	if errors.Is(err, errors.ErrUnsupported) {
		require.Equal(t, "old", content(t, path))
		return
	}
	require.NoError(t, err)
	require.Equal(t, "new", content(t, path))
	require.Equal(t, "old", content(t, next))
	requireFiles(t, folder, 2)
	require.ErrorIs(t, atomicfile.Exchange(filepath.Join(folder, "none"), path), fs.ErrNotExist)
}
