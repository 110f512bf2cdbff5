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

// Commands find a stack with the default folder and addresses by themselves, and any other one by the variables that
// Exports returns; servers of the caller's own are the caller's to name.
func TestExports(t *testing.T) {
	t.Parallel()
	usual, err := config.EmbeddedData()
	require.NoError(t, err)
	s, err := New(Config{DataDir: usual})
	require.NoError(t, err)
	exports, err := s.Exports()
	require.NoError(t, err)
	require.Empty(t, exports)

	addresses := DefaultAddresses()
	addresses.Temporal = "127.0.0.1:17233"
	dir := t.TempDir()
	s, err = New(Config{DataDir: dir, Addresses: addresses, StoreDSN: "postgres://u:secret@db.example.com/sluice"})
	require.NoError(t, err)
	exports, err = s.Exports()
	require.NoError(t, err)
	require.Equal(t, [][2]string{
		{EnvTemporalAddress, "127.0.0.1:17233"},
		{EnvKeysetFile, filepath.Join(dir, "keyset.json")},
		{EnvRefdataFolder, filepath.Join(dir, "refdata")},
	}, exports)
}
