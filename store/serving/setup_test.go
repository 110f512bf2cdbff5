package serving_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/serving"
)

// bundle is a migrated store with a site, and a plain connection to its database.
type bundle struct {
	*serving.Store
	site importing.Site
	ctx  context.Context
	sql  *pgx.Conn
}

const domain = "own.example"

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t)}
	dsn := enginetest.StoreDSN(t)
	s, err := store.Open(b.ctx, store.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.NoError(t, s.Migrate(b.ctx))
	b.Store = serving.New(s)
	b.site, err = importing.New(s, nil).AddSite(b.ctx, importing.NewSite{Domain: domain, TimeZone: "UTC"})
	require.NoError(t, err)
	b.sql, err = pgx.Connect(b.ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.sql.Close(context.Background())) })
	return b
}

func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement, args...)
	require.NoError(t, err)
}
