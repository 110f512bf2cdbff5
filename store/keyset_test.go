package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
)

// The key set that comes first stays, also of two that come at once, until it is replaced.
func TestConnectionKeyset(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.ConnectionKeyset(b.ctx)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, b.RememberKeyset(b.ctx, 1, []byte("one")))
	require.NoError(t, b.RememberKeyset(b.ctx, 2, []byte("two")))
	row, err := b.ConnectionKeyset(b.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, row.KeyID)
	require.Equal(t, []byte("one"), row.Sealed)
	require.NoError(t, b.ReplaceKeyset(b.ctx, 3, []byte("three")))
	row, err = b.ConnectionKeyset(b.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 3, row.KeyID)
	require.Error(t, b.ReplaceKeyset(b.ctx, -1, []byte("x")))
}
