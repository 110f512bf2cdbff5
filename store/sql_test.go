package store_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const schema = "importer_totals"

// A connection to an importer's schema sees that schema alone, and lives no longer than its
// context.
func TestSchemaConn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(b.ctx)
	conn, err := b.SchemaConn(ctx, schema)
	require.NoError(t, err)
	_, err = conn.ExecContext(ctx, "CREATE TABLE staged (import_id bigint)")
	require.NoError(t, err)
	_, err = conn.ExecContext(ctx, "SELECT * FROM imports")
	require.ErrorContains(t, err, `relation "imports" does not exist`)
	b.exec(t, "SELECT import_id FROM importer_totals.staged")
	b.exec(t, "SELECT id FROM imports")

	cancel()
	require.Eventually(t, func() bool { return errors.Is(conn.PingContext(b.ctx), sql.ErrConnDone) }, time.Minute, 5*time.Millisecond,
		"the connection is closed with its context")
	for _, name := range []string{"", "public", "importer_", `importer_a"b`, "importer_A"} {
		_, err := b.SchemaConn(b.ctx, name)
		require.ErrorContains(t, err, "want importer_ and 1 to 50 lower-case letters", name)
	}
}
