package starter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// Cancel asks an import to stop. It returns at once; the import ends as cancelled
// after its rows are purged. The error is store.ErrConflict if it has ended.
func (s *Starter) Cancel(ctx context.Context, id int64) error {
	imp, err := s.Store.Import(ctx, id)
	if err != nil {
		return err
	}
	if store.Ended(imp.Status) || imp.Status == store.StatusDeleting {
		return fmt.Errorf("import %d is %s: %w", id, imp.Status, store.ErrConflict)
	}
	if imp.RunID == "" {
		return fmt.Errorf("import %d has not been started yet, try again in a minute: %w", id, store.ErrConflict)
	}
	if err := s.Temporal.CancelWorkflow(ctx, imp.WorkflowID, ""); err != nil {
		return fmt.Errorf("cancel import %d: %w", id, closed(err))
	}
	return nil
}

// Delete takes back an import that has ended: its rows go out of sight, are
// purged, and then the import itself is removed. It returns when the deletion is
// under way; WaitDeleted waits for its end. The error is store.ErrConflict if the
// import is still under way.
func (s *Starter) Delete(ctx context.Context, id int64) error {
	imp, err := s.Store.Import(ctx, id)
	if err != nil {
		return err
	}
	if imp.Status != store.StatusDeleting {
		if !store.Ended(imp.Status) {
			return fmt.Errorf("import %d is %s, cancel it first with `sluice import cancel %d`: %w",
				id, imp.Status, id, store.ErrConflict)
		}
		if err := s.Store.RequestDeletion(ctx, id); err != nil {
			return err
		}
	}
	site, err := s.Store.SiteByID(ctx, imp.SiteID)
	if err != nil {
		return fmt.Errorf("read the site of import %d: %w", id, err)
	}
	imp, err = s.Store.Import(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.Launch(ctx, imp, site.Domain)
	return err
}

// RetryPart tries a parked part again. The error says why where it is refused.
func (s *Starter) RetryPart(ctx context.Context, id int64, part int32) error {
	return s.update(ctx, id, workflows.UpdateRetryPart, workflows.RetryPart{Part: part})
}

// SkipPart leaves a parked part out. The reason goes into the import's log.
func (s *Starter) SkipPart(ctx context.Context, id int64, part int32, reason string) error {
	return s.update(ctx, id, workflows.UpdateSkipPart, workflows.SkipPart{Part: part, Reason: reason})
}

// ErrNoWorker means that no worker has answered in time. What was asked for may still
// be carried out once one is there.
var ErrNoWorker = errors.New("no worker answers")

// defaultAnswerTimeout bounds the wait for a worker's answer.
const defaultAnswerTimeout = 10 * time.Second

// update sends an update and waits for its answer, which needs a worker.
func (s *Starter) update(ctx context.Context, id int64, name string, arg any) error {
	imp, err := s.Store.Import(ctx, id)
	if err != nil {
		return err
	}
	if store.Ended(imp.Status) || imp.Status == store.StatusDeleting {
		return fmt.Errorf("import %d is %s: %w", id, imp.Status, store.ErrConflict)
	}
	if imp.RunID == "" {
		return fmt.Errorf("import %d has not been started yet, try again in a minute: %w", id, store.ErrConflict)
	}
	timeout := cmp.Or(s.AnswerTimeout, defaultAnswerTimeout)
	deadline, limited := ctx.Deadline()
	ours := !limited || time.Until(deadline) > timeout
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	handle, err := s.Temporal.UpdateWorkflow(waiting, client.UpdateWorkflowOptions{
		WorkflowID: imp.WorkflowID, UpdateName: name, Args: []any{arg}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(waiting, nil)
	}
	// The server may notice a moment before this side that the time is up.
	var timedOut *client.WorkflowUpdateServiceTimeoutOrCanceledError
	switch {
	case err == nil:
		return nil
	case ours && ctx.Err() == nil && (waiting.Err() != nil || errors.As(err, &timedOut)):
		return fmt.Errorf("%s of import %d: %w within %s: is one running, and is it ready? What was asked for may still "+
			"happen once it is; `sluice import show %d` tells", name, id, ErrNoWorker, timeout, id)
	default:
		return fmt.Errorf("%s of import %d: %w", name, id, closed(err))
	}
}

// closed rewords Temporal's answer about a run that has ended.
func closed(err error) error {
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return fmt.Errorf("its workflow has ended: %w", store.ErrConflict)
	}
	return err
}

// pollInterval is how often the store is asked while waiting.
const pollInterval = 50 * time.Millisecond

// Wait follows an import until it has ended and returns it as it is then. seen, if
// set, is called with every state that was read. It needs the store alone: no
// worker, and no Temporal.
func (s *Starter) Wait(ctx context.Context, id int64, seen func(store.ImportSummary)) (store.ImportSummary, error) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		summary, err := s.Store.Summary(ctx, id)
		if err != nil {
			return store.ImportSummary{}, err
		}
		if seen != nil {
			seen(summary)
		}
		if store.Ended(summary.Import.Status) {
			return summary, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return summary, ctx.Err()
		}
	}
}

// WaitDeleted waits until a deletion is over.
func (s *Starter) WaitDeleted(ctx context.Context, id int64) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		_, err := s.Store.Import(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
