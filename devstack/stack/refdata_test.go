package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
)

// A stack links the npm packages into its folder of reference data, keeps what else is there, and programs find it.
func TestRefdata(t *testing.T) {
	t.Parallel()
	dir, modules, moved := t.TempDir(), t.TempDir(), t.TempDir()
	s, err := New(Config{DataDir: dir})
	require.NoError(t, err)
	require.NoError(t, s.ensureRefdata())
	folder := filepath.Join(s.DataDir(), "refdata")
	require.NoDirExists(t, filepath.Join(folder, "node_modules"))
	list := filepath.Join(folder, "referrer_spam.txt")
	require.NoError(t, os.WriteFile(list, []byte("spam.example\n"), 0o600))
	for _, target := range []string{modules, modules, moved} {
		s, err = New(Config{DataDir: dir, RefdataModules: target})
		require.NoError(t, err)
		require.NoError(t, s.ensureRefdata())
		linked, err := os.Readlink(filepath.Join(folder, "node_modules"))
		require.NoError(t, err)
		require.Equal(t, target, linked)
		require.FileExists(t, list)
	}
	loaded, err := config.Load("", WithEnv(nil, s.Env()))
	require.NoError(t, err)
	require.Equal(t, folder, loaded.Refdata.Dir())

	// Packages of the user's own are not replaced.
	require.NoError(t, os.Remove(filepath.Join(folder, "node_modules")))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "node_modules"), 0o700))
	require.NoError(t, s.ensureRefdata())
	_, err = os.Readlink(filepath.Join(folder, "node_modules"))
	require.Error(t, err)
}
