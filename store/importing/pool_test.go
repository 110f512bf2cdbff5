package importing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
)

// A single connection serves every caller in turn: none keeps it.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	ctx := enginetest.Context(t)
	opened, err := store.Open(ctx, store.Config{DSN: enginetest.MigratedStoreDSN(t), MaxConns: 1})
	require.NoError(t, err)
	defer opened.Close()
	s := importing.New(opened, nil)
	site, err := s.AddSite(ctx, importing.NewSite{Domain: "example.com", TimeZone: "UTC"})
	require.NoError(t, err)
	b := &bundle{Store: s, ctx: ctx, site: site}
	id := b.create(t).ID
	for _, err := range enginetest.AtOnce(20, func(int) error {
		return b.EnterPhase(ctx, id, "run", importing.StatusRunning, importing.PhaseLoading)
	}) {
		require.NoError(t, err)
	}
}
