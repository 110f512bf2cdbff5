package e2e

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// held waits in finalize until the test releases it.
type held struct {
	importers.Importer
	reached chan struct{}
	once    sync.Once
	letGo   chan struct{}
}

// Finalize waits.
func (h *held) Finalize(ctx context.Context, _ importers.Import, _ importers.Result) error {
	h.once.Do(func() { close(h.reached) })
	select {
	case <-h.letGo:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// save copies the rows of imports, as a backup does; the function that it returns restores
// them.
func (s *system) save() (restore func()) {
	s.t.Helper()
	ctx := enginetest.Context(s.t)
	run := func(statements string) {
		conn, err := pgx.Connect(ctx, s.Settings.Store.DSN)
		require.NoError(s.t, err)
		_, err = conn.Exec(ctx, statements)
		require.NoError(s.t, err)
		require.NoError(s.t, conn.Close(ctx))
	}
	run(`BEGIN ISOLATION LEVEL REPEATABLE READ;
		CREATE TABLE saved_imports AS SELECT * FROM imports;
		CREATE TABLE saved_parts AS SELECT * FROM parts;
		CREATE TABLE saved_chunks AS SELECT * FROM chunks;
		COMMIT`)
	return func() {
		s.t.Helper()
		run(`BEGIN;
			DELETE FROM parts;
			INSERT INTO parts SELECT * FROM saved_parts;
			INSERT INTO chunks SELECT * FROM saved_chunks;
			UPDATE imports i SET status = b.status, phase = b.phase, run_id = b.run_id, fencing_token = b.fencing_token, days = b.days,
				days_claimed = b.days_claimed
			FROM saved_imports b WHERE b.id = i.id;
			COMMIT`)
	}
}

// PostgreSQL is restored to a time at which an import was half loaded, or not planned, while
// its workflow is about to publish it: what is open is loaded again, and nothing is published
// before.
func TestStoreRestoredBehindWorkflow(t *testing.T) {
	t.Parallel()
	for name, until := range map[string]func(now importstore.Summary) bool{
		"half loaded": func(now importstore.Summary) bool { return now.RowsLoaded > 200 },
		"not planned": func(now importstore.Summary) bool {
			return now.PartsTotal == 0 && now.Import.Phase != importstore.PhaseQueued
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &held{
				Importer: enginetest.Impatient(noop.New()), reached: make(chan struct{}), letGo: make(chan struct{}),
			}
			s := setup(t, h)
			s.StartWorker(t)
			imp := s.noop(site, `{"rows": 1000, "parts": 2, "delay": "50ms"}`)
			s.WaitFor(t, imp.ID, name, until)
			restore := s.save()
			<-h.reached
			restore()
			close(h.letGo)
			last := s.end(imp, importstore.StatusCompleted)
			require.EqualValues(t, 1000, last.RowsLoaded)
			require.Equal(t, sumTo(1000), s.visitors(imp))
			require.Contains(t, s.feedback(imp.ID), "warn: The store has open parts that the workflow had loaded: the store was restored. "+
				"Loading them again from their last checkpoints.")
			require.Equal(t, last.PartsTotal, last.PartsDone)
		})
	}
}
