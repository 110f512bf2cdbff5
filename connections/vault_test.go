package connections_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
)

var secrets = map[string]string{"token": planted, "note": "line one\nline \"two\" é\x00"}

func TestVault(t *testing.T) {
	t.Parallel()
	keys, text := newKeyset(t)
	vault := connections.NewVault(connections.VaultConfig{Keyset: text})
	sealed, err := vault.Seal("example", "shop", secrets)
	require.NoError(t, err)
	primary, err := keys.Primary()
	require.NoError(t, err)
	require.Equal(t, primary, sealed.KeyID)
	require.False(t, bytes.Contains(sealed.Data, []byte(planted)))
	opened, err := vault.Open("example", "shop", sealed)
	require.NoError(t, err)
	require.Equal(t, secrets, opened)
	again, err := vault.Seal("example", "shop", secrets)
	require.NoError(t, err)
	require.NotEqual(t, sealed.Data, again.Data, "equal secrets do not show as such")

	t.Run("another row", func(t *testing.T) {
		t.Parallel()
		for _, other := range [][2]string{{"example", "shop2"}, {"webhook", "shop"}, {"examples", "hop"}, {"shop", "example"}, {"", ""}} {
			_, err := vault.Open(other[0], other[1], sealed)
			require.ErrorIs(t, err, connections.ErrSealBroken, "%v", other)
		}
	})
	t.Run("tampered with", func(t *testing.T) {
		t.Parallel()
		for i := range sealed.Data {
			bad := bytes.Clone(sealed.Data)
			bad[i] ^= 1
			_, err := vault.Open("example", "shop", connections.Sealed{KeyID: sealed.KeyID, Data: bad})
			require.ErrorIs(t, err, connections.ErrSealBroken, "byte %d", i)
		}
		for _, bad := range [][]byte{nil, {}, sealed.Data[:5], sealed.Data[:len(sealed.Data)-1], append(bytes.Clone(sealed.Data), 0)} {
			_, err := vault.Open("example", "shop", connections.Sealed{KeyID: sealed.KeyID, Data: bad})
			require.ErrorIs(t, err, connections.ErrSealBroken)
		}
	})
	t.Run("rotated", func(t *testing.T) {
		t.Parallel()
		next, err := keys.Rotated()
		require.NoError(t, err)
		rotated := connections.NewVault(connections.VaultConfig{Keyset: asJSON(t, next)})
		opened, err := rotated.Open("example", "shop", sealed)
		require.NoError(t, err)
		require.Equal(t, secrets, opened)
		resealed, err := rotated.Seal("example", "shop", secrets)
		require.NoError(t, err)
		require.NotEqual(t, sealed.KeyID, resealed.KeyID)
		_, err = vault.Open("example", "shop", resealed)
		require.ErrorIs(t, err, connections.ErrUnknownKey)
		require.ErrorContains(t, err, "the key set lacks the key ")
	})
	t.Run("another key set", func(t *testing.T) {
		t.Parallel()
		_, other := newKeyset(t)
		_, err := connections.NewVault(connections.VaultConfig{Keyset: other}).Open("example", "shop", sealed)
		require.ErrorIs(t, err, connections.ErrUnknownKey)
		require.NotContains(t, err.Error(), planted)
	})
}

// Without a key set the error says what to do, and so do those of a bad one.
func TestVaultWithoutKeyset(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "keyset.json")
	for name, vault := range map[string]*connections.Vault{
		"nil": nil, "none": connections.NewVault(connections.VaultConfig{}),
		"no file": connections.NewVault(connections.VaultConfig{KeysetFile: missing}),
	} {
		_, err := vault.Seal("example", "shop", secrets)
		require.ErrorIs(t, err, connections.ErrNoKeyset, name)
		require.ErrorContains(t, err, "`sluice keyset create --out FILE`", name)
		require.ErrorContains(t, err, "SLUICE_CONNECTIONS_KEYSET_FILE", name)
		_, err = vault.Open("example", "shop", connections.Sealed{})
		require.ErrorIs(t, err, connections.ErrNoKeyset, name)
	}
	_, err := connections.NewVault(connections.VaultConfig{KeysetFile: missing}).Keyset()
	require.ErrorContains(t, err, missing)
	_, err = connections.NewVault(connections.VaultConfig{Keyset: planted}).Keyset()
	require.ErrorContains(t, err, "connections.keyset: this is not a key set")
	require.NotContains(t, err.Error(), planted)
}

// A file that is rotated takes effect at once, in processes that run already.
func TestVaultFollowsItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	vault := connections.NewVault(connections.VaultConfig{KeysetFile: path})
	_, err := vault.Seal("example", "shop", secrets)
	require.ErrorIs(t, err, connections.ErrNoKeyset)
	_, err = connections.CreateKeysetFile(path)
	require.NoError(t, err)
	before, err := vault.Seal("example", "shop", secrets)
	require.NoError(t, err)
	_, err = connections.RotateKeysetFile(path)
	require.NoError(t, err)
	after, err := vault.Seal("example", "shop", secrets)
	require.NoError(t, err)
	require.NotEqual(t, before.KeyID, after.KeyID)
	for _, sealed := range []connections.Sealed{before, after} {
		opened, err := vault.Open("example", "shop", sealed)
		require.NoError(t, err)
		require.Equal(t, secrets, opened)
	}
	require.NoError(t, os.Remove(path))
	_, err = vault.Open("example", "shop", before)
	require.ErrorIs(t, err, connections.ErrNoKeyset)
}
