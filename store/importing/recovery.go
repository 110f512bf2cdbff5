package importing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Uncompared claims up to limit imports, among those whose workflow is not done, that were not
// compared with it for the interval. Another call within the interval returns others.
func (s *Store) Uncompared(ctx context.Context, interval time.Duration, limit int32) ([]int64, error) {
	ids, err := s.sql.Queries.ClaimUncompared(ctx, interval.Seconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("find imports to compare with their workflows: %w", err)
	}
	return ids, nil
}

// StartRecovery counts a recovery of an import's workflow and returns its number, from 1. ok
// is false if its workflow is done, or if the last recovery is too recent: the backoff
// doubles from 15 seconds to an hour, and is reset once the workflow has run for a minute.
func (s *Store) StartRecovery(ctx context.Context, id int64) (no int32, ok bool, err error) {
	no, err = s.sql.Queries.BeginRecovery(ctx, id)
	if store.NoRows(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("begin a recovery of import %d: %w", id, err)
	}
	return no, true, nil
}

// WorkflowState describes the running workflow of an import.
type WorkflowState struct {
	// Fault says why its task fails; "" while it does not.
	Fault string
	// Behind says that the workflow is ahead of the import.
	Behind bool
}

// NoteWorkflowState notes how the running workflow of an import stands.
func (s *Store) NoteWorkflowState(ctx context.Context, id int64, state WorkflowState) error {
	err := s.sql.Queries.NoteWorkflowState(ctx, db.NoteWorkflowStateParams{
		ID: id, Fault: store.Plain(state.Fault), Behind: state.Behind,
	})
	if err != nil {
		return fmt.Errorf("note the state of the workflow of import %d: %w", id, err)
	}
	return nil
}

// Disown makes an import begin again with other rows than the warehouse may have of its
// number: its parts return to their beginning, and its generation rises. The caller purges
// the rows.
func (s *Store) Disown(ctx context.Context, id int64) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		return errors.Join(q.RaiseGeneration(ctx, id), q.DropImportChunks(ctx, id), q.ResetParts(ctx, id))
	})
	if err != nil {
		return fmt.Errorf("let import %d begin again: %w", id, err)
	}
	return nil
}

// NoteEnding stores how an import ends, before its rows are purged, so that a new run of its
// workflow continues with that end. The first stored end wins.
func (s *Store) NoteEnding(ctx context.Context, id int64, end End) error {
	err := s.sql.Queries.BeginEnding(ctx, db.BeginEndingParams{
		ID: id, Ending: end.Status, EndingClass: store.Plain(end.Class), EndingReason: store.Plain(end.Reason),
	})
	if err != nil {
		return fmt.Errorf("note the end of import %d: %w", id, err)
	}
	return nil
}

// Planned says whether an import has a plan.
func (s *Store) Planned(ctx context.Context, id int64) (bool, error) {
	parts, err := s.sql.Queries.ListParts(ctx, id)
	if err != nil {
		return false, fmt.Errorf("list parts: %w", err)
	}
	return len(parts) > 0, nil
}

// Queueing says whether an import waits for its locks, or has them.
func (s *Store) Queueing(ctx context.Context, id int64) (bool, error) {
	_, err := s.sql.Queries.LockRequestOf(ctx, id)
	if store.NoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the lock request of import %d: %w", id, err)
	}
	return true, nil
}

// NoteClosed notes that the workflow of an ended import is done: also what follows the end.
func (s *Store) NoteClosed(ctx context.Context, id int64) error {
	if err := s.sql.Queries.CloseImport(ctx, id); err != nil {
		return fmt.Errorf("close import %d: %w", id, err)
	}
	return nil
}
