package killtest_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// lack is ClickHouse's name of the fault.
const lack = "NOT_ENOUGH_SPACE"

func TestDiskFull(t *testing.T) {
	t.Parallel()
	in := newInput(t, shape{rows: 300_000, badEvery: 397, outsideEvery: 503})

	// An export that does not fit parks in the end, and says why. Once there is space,
	// the parked part is tried again, and nothing is missing.
	t.Run("permanently", func(t *testing.T) {
		t.Parallel()
		dir := folder(t)
		grow, mounted := mountSmall(t, filepath.Join(dir, "clickhouse"), 8)
		s := newSystem(t, dir, true)
		ctx := bounded(t)
		imp := s.start(t, "disk.example", in, 10_000)
		if !mounted {
			// Without the right to mount, configure the engine to keep more space free than
			// available: it rejects inserts with the same error.
			require.Positive(t, s.awaitChunks(ctx, t, imp.ID, 3).chunks)
			s.keepFree(ctx, t, all)
			grow = func(int) { s.keepFree(ctx, t, 0) }
		}
		s.awaitAttemptError(ctx, t, imp.ID)
		s.requireHidden(ctx, t, imp.ID)

		now := s.awaitEnd(ctx, t, imp.ID)
		require.Equal(t, importstore.StatusParked, now.status)
		parts, err := s.store.Imports.ListParts(ctx, imp.ID)
		require.NoError(t, err)
		require.Contains(t, parts[0].Error, lack)
		// The status comes with the first parked part; the log's line follows.
		poll(ctx, t, "the log to say why", func(ctx context.Context) bool {
			log, err := s.store.Imports.ListFeedback(ctx, importstore.FeedbackQuery{ImportID: imp.ID, RowLimit: 1000})
			return err == nil && len(log) > 0 && strings.Contains(log[len(log)-1].Message, lack)
		})
		s.requireHidden(ctx, t, imp.ID)
		s.requireCalm(t)

		grow(256)
		require.NoError(t, s.starter.RetryPart(ctx, imp.ID, 0, starter.By{}))
		poll(ctx, t, "the import to leave off waiting", func(ctx context.Context) bool {
			now, err := s.state(ctx, imp.ID)
			return err == nil && now.status != importstore.StatusParked
		})
		s.awaitEnd(ctx, t, imp.ID)
		s.requireExact(t, imp.ID, in)
		s.requireCalm(t)
	})

	t.Run("for a while", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t, folder(t), true)
		ctx := bounded(t)
		imp := s.start(t, "disk.example", in, 2_000)
		require.True(t, s.awaitChunks(ctx, t, imp.ID, 3).loading())
		s.keepFree(ctx, t, all)
		s.awaitAttemptError(ctx, t, imp.ID)
		s.requireHidden(ctx, t, imp.ID)
		s.keepFree(ctx, t, 0)
		s.awaitEnd(ctx, t, imp.ID)
		s.requireExact(t, imp.ID, in)
		s.requireCalm(t)
	})
}

// all is more space than any disk has.
const all = int64(1) << 60

// keepFree tells ClickHouse how many bytes must be free for an insert.
func (s *system) keepFree(ctx context.Context, t *testing.T, bytes int64) {
	t.Helper()
	for _, table := range []string{"imported_pages", "import_rejects"} {
		require.NoError(t, s.clicks.Exec(ctx, fmt.Sprintf(
			"ALTER TABLE %s MODIFY SETTING min_free_disk_bytes_to_perform_insert = %d", table, bytes)))
	}
}

// awaitAttemptError waits until the attempt error of an import names the lack of space
// as what troubles it.
func (s *system) awaitAttemptError(ctx context.Context, t *testing.T, id int64) {
	t.Helper()
	poll(ctx, t, "the attempt error", func(ctx context.Context) bool {
		imp, err := s.store.Imports.Import(ctx, id)
		require.NoError(t, err)
		require.False(t, importstore.Ended(imp.Status), "the import is %s", imp.Status)
		return strings.Contains(imp.AttemptError, lack)
	})
}

// requireHidden makes sure that an import has rows, and that queries see none of them.
func (s *system) requireHidden(ctx context.Context, t *testing.T, id int64) {
	t.Helper()
	var held, visible uint64
	query := fmt.Sprintf(`SELECT (SELECT count() FROM imported_pages WHERE import_id = %d),
		(SELECT count() FROM visible_imported_pages WHERE import_id = %d)`, id, id)
	require.NoError(t, s.clicks.QueryRow(ctx, query).Scan(&held, &visible))
	require.Positive(t, held)
	require.Zero(t, visible)
}
