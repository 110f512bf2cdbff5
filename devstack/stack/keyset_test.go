package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/wiring"
)

// The first start makes a key set, later ones keep it, and programs find it.
func TestKeyset(t *testing.T) {
	t.Parallel()
	s, err := New(Config{DataDir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, s.ensureKeyset())
	path := s.Env()[EnvKeysetFile]
	require.Equal(t, filepath.Join(s.DataDir(), "keyset.json"), path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	first, err := connections.ReadKeysetFile(path)
	require.NoError(t, err)
	require.NoError(t, s.ensureKeyset())
	second, err := connections.ReadKeysetFile(path)
	require.NoError(t, err)
	require.Equal(t, first.Keys(), second.Keys())

	// Also where the caller has a key set of its own.
	environ := WithEnv([]string{"SLUICE_CONNECTIONS_KEYSET=own"}, s.Env())
	loaded, err := config.Load("", environ)
	require.NoError(t, err)
	require.NoError(t, loaded.Validate())
	require.Equal(t, connections.VaultConfig{KeysetFile: path}, wiring.Vault(loaded.Connections))
}
