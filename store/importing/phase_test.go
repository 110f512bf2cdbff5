package importing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
)

func TestEnterPhase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	require.NoError(t, b.RecordAttemptError(b.ctx, imp.ID, "the disk is full"))
	require.NoError(t, b.EnterPhase(b.ctx, imp.ID, "run-1", importing.StatusRunning, importing.PhasePlanning))
	got, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, importing.StatusRunning, got.Status)
	require.Equal(t, importing.PhasePlanning, got.Phase)
	require.Equal(t, "run-1", got.RunID)
	require.Empty(t, got.AttemptError, "no attempt error is left")
	require.NotNil(t, got.StartedAt)

	require.NoError(t, b.EnterPhase(b.ctx, imp.ID, "run-1", importing.StatusParked, importing.PhaseLoading))
	later, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, importing.StatusParked, later.Status)
	require.Equal(t, got.StartedAt, later.StartedAt, "it has begun once")
	require.ErrorIs(t, b.EnterPhase(b.ctx, 404, "run-1", importing.StatusRunning, importing.PhaseLoading), store.ErrNotFound)
}

// A reset of the workflow makes a new run, which may begin an import anew that
// had failed. A late attempt of the run that ended it may not.
func TestReopen(t *testing.T) {
	t.Parallel()
	for status, reopens := range map[string]bool{
		importing.StatusFailed: true, importing.StatusCancelled: true, importing.StatusDeclined: true,
		importing.StatusCompleted: false, importing.StatusUnchanged: false,
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			part := b.claimed(t)
			id := part.ImportID
			require.NoError(t, b.EnterPhase(b.ctx, id, "run-1", importing.StatusRunning, importing.PhaseLoading))
			require.NoError(t, b.RecordChunk(b.ctx, chunk(part, 0)))
			require.NoError(t, b.Finish(b.ctx, id, status, "went wrong", "class"))

			err := b.EnterPhase(b.ctx, id, "run-1", importing.StatusRunning, importing.PhaseBeforeStart)
			require.ErrorIs(t, err, store.ErrConflict)
			grant, err := b.AcquireLocks(b.ctx, id, "run-2", importing.LockLimits{})
			imp, readErr := b.Import(b.ctx, id)
			require.NoError(t, readErr)
			chunks, readErr := b.ListChunks(b.ctx, id, 0)
			require.NoError(t, readErr)
			if !reopens {
				require.ErrorIs(t, err, store.ErrConflict)
				require.Equal(t, status, imp.Status)
				require.Len(t, chunks, 1)
				return
			}
			require.NoError(t, err)
			require.Positive(t, grant.FencingToken)
			require.Equal(t, importing.StatusQueued, imp.Status)
			require.Equal(t, "run-2", imp.RunID)
			require.EqualValues(t, 1, imp.Generation)
			require.Empty(t, imp.Error+imp.ErrorClass)
			require.Nil(t, imp.FinishedAt)
			require.Empty(t, chunks, "its rows are purged, it begins anew")
			fresh, err := b.PartByNo(b.ctx, id, 0)
			require.NoError(t, err)
			require.Equal(t, importing.PartWaiting, fresh.Status)
			require.Zero(t, fresh.RowsRead+fresh.RowsLoaded+fresh.BytesRead+int64(fresh.NextChunk))
			require.Empty(t, fresh.Cursor)
			require.ErrorIs(t, b.RecordChunk(b.ctx, chunk(part, 0)), store.ErrFenced, "the old attempt is locked out")
			again, err := b.AcquireLocks(b.ctx, id, "run-2", importing.LockLimits{})
			require.NoError(t, err)
			require.Equal(t, grant, again, "twice is once")
			_, err = b.AcquireLocks(b.ctx, id, "run-1", importing.LockLimits{})
			require.NoError(t, err, "it is open: any run may ask")
		})
	}
}

// A caller with a grant that the import no longer has gets ErrUnlocked and asks for another, but
// not the run that has ended it.
func TestUnlocked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.claimed(t).ImportID
	grant, err := b.AcquireLocks(b.ctx, id, "run-1", importing.LockLimits{})
	require.NoError(t, err)
	enter := func(run string, fencingToken int64) error {
		return b.Store.EnterPhase(b.ctx, id, importing.Entry{
			Run: run, FencingToken: fencingToken, Status: importing.StatusRunning, Phase: importing.PhaseLoading,
		})
	}
	require.NoError(t, enter("run-1", grant.FencingToken))
	require.NoError(t, enter("run-1", importing.AnyFencingToken))
	require.ErrorIs(t, enter("run-1", grant.FencingToken-1), importing.ErrUnlocked)
	_, _, err = b.ClaimPart(b.ctx, id, 0, grant.FencingToken+1)
	require.ErrorIs(t, err, importing.ErrUnlocked)
	part, open, err := b.ClaimPart(b.ctx, id, 0, grant.FencingToken)
	require.NoError(t, err)
	require.True(t, open)
	late := chunk(part, 0)
	late.LockToken = grant.FencingToken - 1
	require.ErrorIs(t, b.RecordChunk(b.ctx, late), store.ErrFenced)
	require.ErrorIs(t, b.FinishPart(b.ctx, doneBy(part, grant.FencingToken-1)), store.ErrFenced)
	b.finishPart(t, part, grant.FencingToken)
	require.ErrorIs(t, b.ClaimDays(b.ctx, id, grant.FencingToken-1), importing.ErrUnlocked)

	require.NoError(t, b.Finish(b.ctx, id, importing.StatusFailed, "x", "y"))
	require.ErrorIs(t, enter("run-1", grant.FencingToken), store.ErrConflict)
	require.ErrorIs(t, enter("run-2", grant.FencingToken), importing.ErrUnlocked)
	late.LockToken = grant.FencingToken
	require.ErrorIs(t, b.RecordChunk(b.ctx, late), store.ErrFenced, "the locks are released")
}

// Eight activities of a reset run begin at once: the import is reopened once.
func TestReopenAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.claimed(t).ImportID
	require.NoError(t, b.EnterPhase(b.ctx, id, "run-1", importing.StatusRunning, importing.PhaseLoading))
	require.NoError(t, b.Finish(b.ctx, id, importing.StatusFailed, "", ""))
	for _, err := range enginetest.AtOnce(8, func(int) error {
		_, err := b.AcquireLocks(b.ctx, id, "run-2", importing.LockLimits{})
		return err
	}) {
		require.NoError(t, err)
	}
	imp, err := b.Import(b.ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 1, imp.Generation)
}

func TestFinish(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	require.NoError(t, b.Finish(b.ctx, imp.ID, importing.StatusFailed, "no rows", "bad_input"))
	require.NoError(t, b.Finish(b.ctx, imp.ID, importing.StatusFailed, "another reason", "internal"))
	got, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, []string{importing.StatusFailed, importing.StatusFailed, "no rows", "bad_input"},
		[]string{got.Status, got.Phase, got.Error, got.ErrorClass}, "the first reason stays")
	require.NotNil(t, got.StartedAt)
	require.NotNil(t, got.FinishedAt)
	err = b.Finish(b.ctx, imp.ID, importing.StatusCompleted, "", "")
	require.ErrorIs(t, err, store.ErrConflict)
	require.EqualError(t, err, "end import 1 as completed: not possible in this state")
	require.ErrorIs(t, b.Finish(b.ctx, 404, importing.StatusFailed, "", ""), store.ErrNotFound)
	require.NoError(t, b.RecordAttemptError(b.ctx, imp.ID, "too late"))
	got, err = b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Empty(t, got.AttemptError, "an ended import has no attempt error")
}

func TestRequestDeletion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	part := b.claimed(t)
	id := part.ImportID
	require.NoError(t, b.EnterPhase(b.ctx, id, "run-1", importing.StatusRunning, importing.PhaseLoading))
	require.NoError(t, b.NoteWorkflow(b.ctx, id, "import/example.com/1", "run-1"))
	require.NoError(t, b.RecordChunk(b.ctx, chunk(part, 0)))
	require.NoError(t, b.AddFeedback(b.ctx, id, importing.LevelInfo, "here", "hello"))
	require.ErrorIs(t, b.RequestDeletion(b.ctx, id), store.ErrConflict, "it is under way")
	n, err := b.DeleteImport(b.ctx, id)
	require.NoError(t, err)
	require.Zero(t, n, "nor is it marked")

	require.NoError(t, b.Finish(b.ctx, id, importing.StatusCompleted, "", ""))
	require.NoError(t, b.RequestDeletion(b.ctx, id))
	imp, err := b.Import(b.ctx, id)
	require.NoError(t, err)
	require.Equal(t, importing.StatusDeleting, imp.Status)
	require.Empty(t, imp.WorkflowID+imp.RunID, "another workflow deletes it")
	err = b.EnterPhase(b.ctx, id, "run-2", importing.StatusRunning, importing.PhaseLoading)
	require.ErrorIs(t, err, store.ErrConflict, "deletion is permanent")
	n, err = b.DeleteImport(b.ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	for _, table := range []string{"imports", "parts", "chunks", "feedback"} {
		var rows int
		require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM "+table).Scan(&rows))
		require.Zero(t, rows, table)
	}
}
