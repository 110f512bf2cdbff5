package starter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// ErrNoWorker means that no worker has answered in time. What was asked for may still
// be carried out once one is there.
var ErrNoWorker = errors.New("no worker answers")

// defaultAnswerTimeout bounds the wait for a worker's answer.
const defaultAnswerTimeout = 10 * time.Second

// By says who gives an order, and why; both go into the import's log.
type By struct {
	Who, Why string
}

func (b By) order(run string) workflows.Order {
	return workflows.Order{By: b.Who, Reason: b.Why, Run: run}
}

// Pause interrupts an import where it stands, also while it waits for its source. The
// error says why where it is refused.
func (s *Starter) Pause(ctx context.Context, id int64, by By) error {
	return s.give(ctx, id, workflows.OrderPause, func(run string) any {
		return workflows.Pause{Order: by.order(run)}
	})
}

// Resume lets a paused import go on.
func (s *Starter) Resume(ctx context.Context, id int64, by By) error {
	return s.give(ctx, id, workflows.OrderResume, func(run string) any {
		return workflows.Resume{Order: by.order(run)}
	})
}

// SetRate bounds how many rows a second an import loads; 0 is as fast as it goes.
func (s *Starter) SetRate(ctx context.Context, id, rowsPerSecond int64, by By) error {
	return s.give(ctx, id, workflows.OrderSetRate, func(run string) any {
		return workflows.SetRate{Order: by.order(run), RowsPerSecond: rowsPerSecond}
	})
}

// RetryPart tries a parked part again. The error says why where it is refused.
func (s *Starter) RetryPart(ctx context.Context, id int64, part int32, by By) error {
	return s.give(ctx, id, workflows.OrderRetryPart, func(run string) any {
		return workflows.RetryPart{Order: by.order(run), Part: part}
	})
}

// SkipPart leaves a parked part out. by.Why is required.
func (s *Starter) SkipPart(ctx context.Context, id int64, part int32, by By) error {
	return s.give(ctx, id, workflows.OrderSkipPart, func(run string) any {
		return workflows.SkipPart{Order: by.order(run), Part: part}
	})
}

// Decide accepts or declines an import: the verdict is store.Accepted or
// store.Declined. by.Who is required, and by.Why for declining. The error says why where
// it is refused, and what was decided where somebody was faster.
func (s *Starter) Decide(ctx context.Context, id int64, verdict string, by By) error {
	if err := s.Store.CheckDecidable(ctx, id); err != nil {
		return err
	}
	err := s.give(ctx, id, workflows.OrderDecide, func(run string) any {
		return workflows.Decide{Order: by.order(run), Verdict: verdict}
	})
	if err != nil {
		// Somebody may have been faster: then that is what there is to say.
		if late := s.Store.CheckDecidable(ctx, id); errors.Is(late, store.ErrDecided) {
			return late
		}
	}
	return err
}

// Cancel asks an import to stop. It returns once that is accepted; the import ends as
// cancelled after its rows are purged. Where the workflow takes no commands, because no worker
// answers, its task fails or it has taken as many as the server allows, Temporal's own
// cancellation is requested. The error is store.ErrConflict if the import has ended.
func (s *Starter) Cancel(ctx context.Context, id int64, by By) error {
	err := s.give(ctx, id, workflows.OrderCancel, func(run string) any { return workflows.Cancel{Order: by.order(run)} })
	if err == nil || ctx.Err() != nil || isRefusal(err) {
		return err
	}
	imp, err := s.Store.Import(ctx, id)
	if err != nil {
		return err
	}
	if err := s.Temporal.CancelWorkflow(ctx, imp.WorkflowID, ""); err != nil {
		return fmt.Errorf("cancel import %d: %w", id, closed(err))
	}
	// A run that is cancelled so does not learn who has asked for it.
	occasion := "cancel/" + imp.RunID + "/" + by.Who + "/" + by.Why
	return s.Store.AddFeedback(ctx, id, store.LevelInfo, occasion, capital(noteOf("cancellation requested", by))+".")
}

// isRefusal says whether a command was refused for a reason that no other way changes.
func isRefusal(err error) bool {
	var app *temporal.ApplicationError
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) || errors.As(err, &app)
}

// give sends an order, made for the current run of the import's workflow, and waits for its
// answer, which needs a worker. If the run continues as new meanwhile, the order is sent to
// the new run. A missing workflow is started first.
func (s *Starter) give(ctx context.Context, id int64, name string, order func(run string) any) error {
	begun, timeout := time.Now(), cmp.Or(s.AnswerTimeout, defaultAnswerTimeout)
	for attempt := 1; ; attempt++ {
		imp, run, err := s.commanded(ctx, id)
		if err != nil {
			return err
		}
		err = s.send(ctx, imp, name, order(run))
		if time.Since(begun) > timeout || ctx.Err() != nil || !moved(err) && !errors.Is(err, errClosed) {
			return err
		}
		pause(ctx, min(time.Second, time.Duration(attempt-1)*100*time.Millisecond))
	}
}

// commanded returns an import that takes commands, and the run of its workflow, after having
// started one where there is none.
func (s *Starter) commanded(ctx context.Context, id int64) (imp store.Import, run string, err error) {
	for range 2 {
		imp, domain, err := s.open(ctx, id)
		if err == nil && (imp.ID == 0 || store.Ended(imp.Status) || imp.Status == store.StatusDeleting) {
			if imp, err = s.Store.Import(ctx, id); err == nil {
				err = fmt.Errorf("import %d is %s: %w", id, imp.Status, store.ErrConflict)
			}
		}
		if err != nil {
			return store.Import{}, "", err
		}
		now, err := s.Temporal.DescribeWorkflowExecution(ctx, workflows.ImportID(domain, id), "")
		runs := now.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
		if err == nil && runs && !isOther(imp, now) {
			imp.WorkflowID = workflows.ImportID(domain, id)
			return imp, now.GetWorkflowExecutionInfo().GetExecution().GetRunId(), nil
		}
		if err != nil && !isNotFound(err) {
			return store.Import{}, "", fmt.Errorf("describe the workflow of import %d: %w", id, err)
		}
		if imp.RunID == "" {
			_, err = s.Launch(ctx, imp, domain)
		} else {
			_, err = s.Recover(ctx, id)
		}
		if err != nil {
			return store.Import{}, "", err
		}
	}
	return store.Import{}, "", fmt.Errorf("the workflow of import %d does not run, "+
		"and is started again within an hour: repeat the command then: %w", id, store.ErrConflict)
}

// send sends an order and waits for its answer.
func (s *Starter) send(ctx context.Context, imp store.Import, name string, order any) error {
	id := imp.ID
	timeout := cmp.Or(s.AnswerTimeout, defaultAnswerTimeout)
	deadline, limited := ctx.Deadline()
	ours := !limited || time.Until(deadline) > timeout
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	handle, err := s.Temporal.UpdateWorkflow(waiting, client.UpdateWorkflowOptions{
		WorkflowID: imp.WorkflowID, UpdateName: name, Args: []any{order}, WaitForStage: client.WorkflowUpdateStageCompleted,
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
		return fmt.Errorf("%s of import %d: %w", name, id, answered(closed(err)))
	}
}

// closed rewords Temporal's answer about a run that has ended.
func closed(err error) error {
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return errClosed
	}
	return err
}

// errClosed means that the run of a workflow was closed when a command came.
var errClosed = fmt.Errorf("its workflow has ended: %w", store.ErrConflict)

// capital writes the first letter large.
func capital(text string) string {
	if text == "" {
		return text
	}
	return string(text[0]&^0x20) + text[1:]
}
