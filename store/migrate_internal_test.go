package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A PostgreSQL that lacks what migrations use is refused before the first of them, which would fail with a syntax error.
func TestOldServerIsRefused(t *testing.T) {
	t.Parallel()
	require.NoError(t, checkServer(170_000, "17.0"))
	require.NoError(t, checkServer(180_004, "18.4"))
	err := checkServer(160_011, "16.11 (Debian 16.11-1)")
	require.ErrorIs(t, err, ErrOldServer)
	require.EqualError(t, err, "this PostgreSQL is too old: want 17 or later: it is 16.11 (Debian 16.11-1)")
}
