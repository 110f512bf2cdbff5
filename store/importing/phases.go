package importing

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Entry is the beginning of a phase.
type Entry struct {
	// Run is the workflow run in whose name the import is moved.
	Run string
	// FencingToken is the fencing token of the import's locks: 0 is none, AnyFencingToken
	// whichever it has.
	FencingToken int64
	// Status and Phase are what it gets.
	Status, Phase string
}

// AnyFencingToken is for what may be done to an import whatever locks it holds: ending it.
const AnyFencingToken = -1

// EnterPhase moves an import to a phase. The error is ErrNotFound if there is no such
// import, ErrConflict if it has ended, and ErrUnlocked if it uses another grant of
// its locks, or has ended and could be reopened by the run.
func (s *Store) EnterPhase(ctx context.Context, id int64, e Entry) error {
	n, err := s.sql.Queries.EnterPhase(ctx, db.EnterPhaseParams{
		ID: id, RunID: e.Run, FencingToken: e.FencingToken, Status: e.Status, Phase: e.Phase,
	})
	if err != nil || n == 1 {
		return changedOne(n, err, "import %d: enter %s", id, e.Phase)
	}
	imp, err := s.Import(ctx, id)
	if err != nil {
		return err
	}
	if Ended(imp.Status) && (imp.RunID == e.Run || !reopens(imp.Status)) || imp.Status == StatusDeleting {
		return fmt.Errorf("import %d has ended: it is %s: %w", id, imp.Status, store.ErrConflict)
	}
	return fmt.Errorf("import %d: enter %s by grant %d: %w", id, e.Phase, e.FencingToken, ErrUnlocked)
}

// BeginCheck moves an import to before_start, in the name of a workflow run and before it
// has locks. An import that had ended other than well begins again if run is another than
// the run that ended it. The errors are ErrNotFound, and ErrConflict if it has ended.
func (s *Store) BeginCheck(ctx context.Context, id int64, run string) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockImport(ctx, id); err != nil {
			return store.Found(err, "import %d", id)
		}
		imp, err := q.ImportByID(ctx, id)
		if err != nil {
			return err
		}
		if err := reopen(ctx, q, imp, run); err != nil {
			return err
		}
		if imp.Status == StatusDeleting {
			return fmt.Errorf("import %d is being deleted: %w", id, store.ErrConflict)
		}
		_, err = q.BeginCheck(ctx, run, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("enter %s: %w", PhaseBeforeStart, err)
	}
	return nil
}

// reopens says whether a reset of the workflow begins again with an import of that
// status.
func reopens(status string) bool {
	return status == StatusFailed || status == StatusCancelled || status == StatusDeclined
}

// reopen begins again with an import that had not completed, if the run is another
// than the one that ended it: the workflow was reset.
func reopen(ctx context.Context, q *db.Queries, imp Import, run string) error {
	if !Ended(imp.Status) {
		return nil
	}
	n, err := q.ReopenImport(ctx, run, imp.ID)
	if err := changedOne(n, err, "import %d has ended: it is %s", imp.ID, imp.Status); err != nil {
		return err
	}
	if err := errors.Join(q.DropImportChunks(ctx, imp.ID), q.ResetParts(ctx, imp.ID)); err != nil {
		return fmt.Errorf("reset the parts of import %d: %w", imp.ID, err)
	}
	return nil
}
