package connections_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
)

// with is the service with another key set.
func (b *bundle) with(path string) *connections.Connections {
	return &connections.Connections{
		Store: b.Store, Vault: connections.NewVault(connections.VaultConfig{KeysetFile: path}), Registry: b.Registry,
	}
}

// A key set that is not the store's seals nothing: the workers could not open it.
func TestOtherKeysetIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	info := b.add(t, shop(`{}`))
	path := filepath.Join(t.TempDir(), "other.json")
	_, err := connections.CreateKeysetFile(path)
	require.NoError(t, err)
	other := b.with(path)
	second := shop(`{}`)
	second.Name = "second"
	_, err = other.Add(b.ctx, second)
	require.ErrorIs(t, err, connections.ErrOtherKeyset)
	require.ErrorContains(t, err, "use the key set of the workers")
	_, err = other.Replace(b.ctx, shop(`{}`), info.Version)
	require.ErrorIs(t, err, connections.ErrOtherKeyset)
	_, err = other.Rotate(b.ctx, "shop")
	require.ErrorIs(t, err, connections.ErrOtherKeyset)
	opened, err := b.Open(b.ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, planted, opened.Secrets["token"])

	// Also once there is no connection any more.
	require.NoError(t, b.Remove(b.ctx, "shop", false))
	_, err = other.Add(b.ctx, second)
	require.ErrorIs(t, err, connections.ErrOtherKeyset)
}

// Rotated key sets are the same one, from the first rotation to the removal of old keys.
func TestRotatedKeysetIsTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.add(t, shop(`{}`))
	before, err := connections.ReadKeysetFile(b.keyset)
	require.NoError(t, err)
	next, err := connections.RotateKeysetFile(b.keyset)
	require.NoError(t, err)
	second := shop(`{}`)
	second.Name = "second"
	b.add(t, second)
	changed, err := b.RotateAll(b.ctx)
	require.NoError(t, err)
	require.Equal(t, 1, changed)
	primary, err := next.Primary()
	require.NoError(t, err)
	row, err := b.Store.ConnectionKeyset(b.ctx)
	require.NoError(t, err)
	require.EqualValues(t, primary, row.KeyID)
	require.NotEqual(t, before.Keys()[0].ID, primary)
	third := shop(`{}`)
	third.Name = "third"
	b.add(t, third)
}

// A lost key set is replaced: the secrets that it has sealed are reported, and added again.
func TestAdoptKeyset(t *testing.T) {
	t.Parallel()
	b := setup(t)
	info := b.add(t, shop(`{}`))
	path := filepath.Join(t.TempDir(), "other.json")
	_, err := connections.CreateKeysetFile(path)
	require.NoError(t, err)
	other := b.with(path)
	closed, err := other.AdoptKeyset(b.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"shop"}, closed)
	_, err = other.Open(b.ctx, "shop")
	require.ErrorIs(t, err, connections.ErrUnknownKey)
	_, err = other.Replace(b.ctx, shop(`{}`), info.Version)
	require.NoError(t, err)
	closed, err = other.AdoptKeyset(b.ctx)
	require.NoError(t, err)
	require.Empty(t, closed)
	second := shop(`{}`)
	second.Name = "second"
	_, err = b.Add(b.ctx, second)
	require.ErrorIs(t, err, connections.ErrOtherKeyset)
	_, err = b.with(filepath.Join(t.TempDir(), "none.json")).AdoptKeyset(b.ctx)
	require.ErrorIs(t, err, connections.ErrNoKeyset)
}

// The first key set becomes the store's only if it opens what is there already.
func TestFirstKeyset(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.add(t, shop(`{}`))
	_, err := b.sql.Exec(b.ctx, "DELETE FROM connection_keyset")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "other.json")
	_, err = connections.CreateKeysetFile(path)
	require.NoError(t, err)
	second := shop(`{}`)
	second.Name = "second"
	_, err = b.with(path).Add(b.ctx, second)
	require.ErrorIs(t, err, connections.ErrOtherKeyset)
	require.ErrorContains(t, err, "it does not open connection shop")
	b.add(t, second)
}
