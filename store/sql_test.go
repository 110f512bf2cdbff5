package store_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
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

// What an importer does with its own tables happens in the transaction of the decision: with
// it, or not at all.
func TestDecideInSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := b.SchemaConn(b.ctx, schema)
	require.NoError(t, err)
	_, err = conn.ExecContext(b.ctx, "CREATE TABLE staged (import_id bigint)")
	require.NoError(t, err)
	imp := b.reviewed(t, nil)
	accept := store.Decision{Verdict: store.Accepted, By: "bob"}
	stage := func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(b.ctx, "INSERT INTO staged VALUES ($1)", imp.ID); err != nil {
			return err
		}
		// The tables of the store are within reach behind it.
		_, err := tx.ExecContext(b.ctx, "SELECT id FROM imports")
		return err
	}
	boom := errors.New("boom")
	require.ErrorIs(t, b.Decide(b.ctx, imp.ID, accept, schema, func(tx *sql.Tx) error {
		return errors.Join(stage(tx), boom)
	}), boom)
	staged := func() (n int) {
		require.NoError(t, conn.QueryRowContext(b.ctx, "SELECT count(*) FROM staged").Scan(&n))
		return n
	}
	require.Zero(t, staged())
	require.NoError(t, b.CheckDecidable(b.ctx, imp.ID), "nothing was decided")
	require.NoError(t, b.Decide(b.ctx, imp.ID, accept, schema, stage))
	require.Equal(t, 1, staged())
	require.ErrorIs(t, b.CheckDecidable(b.ctx, imp.ID), store.ErrDecided)
}
