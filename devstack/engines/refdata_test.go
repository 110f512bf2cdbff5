package engines

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefdataModules(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	modules := filepath.Join(root, "refdata", "node_modules")
	f := Finder{Getenv: env(), Roots: []string{filepath.Join(root, "bin", "deeper")}}
	require.Empty(t, f.RefdataModules())
	require.NoError(t, os.MkdirAll(modules, 0o700))
	require.Empty(t, f.RefdataModules(), "an installation that was not finished")
	put(t, filepath.Join(modules, "isbot", "index.mjs"))
	require.Equal(t, modules, f.RefdataModules())

	// The folder of a stack has a link to it.
	data := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(data, "refdata"), 0o700))
	require.NoError(t, os.Symlink(modules, filepath.Join(data, "refdata", "node_modules")))
	f.Roots = []string{data}
	require.Equal(t, modules, f.RefdataModules())
}
