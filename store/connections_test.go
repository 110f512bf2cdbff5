package store_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
)

func newConnection(name string) store.NewConnection {
	return store.NewConnection{
		Name: name, Kind: "example", Settings: json.RawMessage(`{"a": 1}`), SecretNames: []string{"token"},
		Sealed: []byte{0, 1, 255}, KeyID: 4294967295,
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	added, err := b.AddConnection(b.ctx, newConnection("shop"))
	require.NoError(t, err)
	_, err = b.AddConnection(b.ctx, newConnection("shop"))
	require.ErrorIs(t, err, store.ErrTaken)
	require.EqualError(t, err, "connection shop: taken already")
	got, err := b.Connection(b.ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, added, got)
	require.Equal(t, []byte{0, 1, 255}, got.Sealed)
	_, err = b.Connection(b.ctx, "nobody")
	require.ErrorIs(t, err, store.ErrNotFound)

	got.SecretNames, got.KeyID = []string{}, 7
	replaced, err := b.ReplaceConnection(b.ctx, got)
	require.NoError(t, err)
	require.EqualValues(t, 2, replaced.Version)
	require.Equal(t, []any{int64(7), []string{}}, []any{replaced.KeyID, replaced.SecretNames})
	_, err = b.ReplaceConnection(b.ctx, got)
	require.ErrorIs(t, err, store.ErrConflict, "it is of version 2 by now")
	got.Name = "nobody"
	_, err = b.ReplaceConnection(b.ctx, got)
	require.ErrorIs(t, err, store.ErrNotFound)

	for _, bad := range []func(*store.NewConnection){
		func(n *store.NewConnection) { n.Name = "Shop" },
		func(n *store.NewConnection) { n.Kind = "a-b" },
		func(n *store.NewConnection) { n.Settings = json.RawMessage(`[]`) },
		func(n *store.NewConnection) { n.KeyID = -1 },
	} {
		n := newConnection("bad")
		bad(&n)
		_, err := b.AddConnection(b.ctx, n)
		require.ErrorContains(t, err, "violates check constraint")
	}
}

// While an import that has not ended names a connection, only force removes it.
func TestRemoveConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"shop", "other"} {
		_, err := b.AddConnection(b.ctx, newConnection(name))
		require.NoError(t, err)
	}
	n := b.newImport("")
	n.Args = json.RawMessage(`{"connection": "shop"}`)
	imp, _, err := b.CreateImport(b.ctx, n)
	require.NoError(t, err)

	require.NoError(t, b.RemoveConnection(b.ctx, "other", false), "nobody names this one")
	err = b.RemoveConnection(b.ctx, "shop", false)
	require.ErrorIs(t, err, store.ErrInUse)
	require.EqualError(t, err, fmt.Sprintf("connection shop: import %d is queued: in use", imp.ID))
	b.exec(t, "UPDATE imports SET status = 'completed', phase = 'completed' WHERE id = $1", imp.ID)
	require.NoError(t, b.RemoveConnection(b.ctx, "shop", false))
	require.ErrorIs(t, b.RemoveConnection(b.ctx, "shop", false), store.ErrNotFound)

	_, err = b.AddConnection(b.ctx, newConnection("shop"))
	require.NoError(t, err)
	b.exec(t, "UPDATE imports SET status = 'running', phase = 'loading' WHERE id = $1", imp.ID)
	require.NoError(t, b.RemoveConnection(b.ctx, "shop", true))
	require.ErrorIs(t, b.RemoveConnection(b.ctx, "shop", true), store.ErrNotFound)
}
