package connections_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
)

// The key set that the compose file's script makes is one like any other, and can be rotated.
func TestKeysetOfCompose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := exec.CommandContext(t.Context(), "sh", filepath.Join("..", "deploy", "compose", "secrets.sh"), dir)
	output, err := script.CombinedOutput()
	require.NoError(t, err, string(output))
	path := filepath.Join(dir, "keyset")
	keys, err := connections.ReadKeysetFile(path)
	require.NoError(t, err)
	require.Len(t, keys.Keys(), 1)
	vault := connections.NewVault(connections.VaultConfig{KeysetFile: path})
	sealed, err := vault.Seal("example", "shop", secrets)
	require.NoError(t, err)
	_, err = connections.RotateKeysetFile(path)
	require.NoError(t, err)
	opened, err := vault.Open("example", "shop", sealed)
	require.NoError(t, err)
	require.Equal(t, secrets, opened)
}
