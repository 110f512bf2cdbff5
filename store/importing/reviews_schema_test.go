package importing_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/importing"
)

const schema = "importer_totals"

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
	accept := importing.Decision{Verdict: importing.Accepted, By: "bob"}
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
	require.ErrorIs(t, b.CheckDecidable(b.ctx, imp.ID), importing.ErrDecided)
}
