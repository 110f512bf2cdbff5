package importing_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// stager is an importer with a table of its own.
type stager struct {
	*noop.Importer
	fail error
}

var (
	_ importers.SchemaOwner = (*stager)(nil)
	_ importers.Stager      = (*stager)(nil)
)

func (*stager) Schema() string { return "importer_stager" }

// BeforeStart makes the table.
func (*stager) BeforeStart(ctx context.Context, imp importers.Import) (_ json.RawMessage, err error) {
	conn, err := imp.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	_, err = conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS staged (import_id bigint)")
	return nil, err
}

// StageDone adds a row in the transaction of the decision.
func (s *stager) StageDone(ctx context.Context, tx *sql.Tx, imp importers.Import) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO staged VALUES ($1)", imp.ID)
	return errors.Join(err, s.fail)
}

// An importer works in a schema of its own, through database/sql.
func TestSchemaOwner(t *testing.T) {
	t.Parallel()
	s := &stager{Importer: noop.New(), fail: errors.New("boom")}
	b := setup(t, s)
	ref := b.Loaded(t, `{"rows": 3}`)
	b.Run(t, b.BeforeStart, ref, nil)
	b.Run(t, b.Reviews.Begin, ref, nil)
	accept := importing.Verdict{ImportID: ref.ImportID, Verdict: importstore.Accepted, By: "bob"}
	require.Equal(t, importing.TypeStageDone, b.Fails(t, b.Reviews.Decide, accept).Type())
	conn, err := b.Store.SchemaConn(b.Ctx, s.Schema())
	require.NoError(t, err)
	staged := func() (n int) {
		require.NoError(t, conn.QueryRowContext(b.Ctx, "SELECT count(*) FROM staged").Scan(&n))
		return n
	}
	require.Zero(t, staged(), "neither happened")
	s.fail = nil
	b.Run(t, b.Reviews.Decide, accept, nil)
	require.Equal(t, 1, staged(), "both happened")
}
