package ingesting_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store/ingesting"
)

// bundle is a migrated store, and a plain connection to its database.
type bundle struct {
	*ingesting.Store
	ctx context.Context
	sql *pgx.Conn
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t)}
	opened, sql := enginetest.OpenStore(t)
	b.Store, b.sql = ingesting.New(opened), sql
	return b
}

// exec runs a statement on the database behind the store's back.
func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement, args...)
	require.NoError(t, err)
}
