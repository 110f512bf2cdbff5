package starter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows/command"
)

// ErrNoWorker reports that no worker answered in time. The command may still be executed once
// a worker runs.
var ErrNoWorker = errors.New("no worker answers")

// update is a command that is sent as an update of a workflow. If the workflow ends or continues
// as new before it answers, the update is sent again.
type update struct {
	temporal client.Client
	// timeout bounds the wait for the answer of a worker.
	timeout time.Duration
	// name is the command, subject what it is for, hint the end of the error that no worker
	// answers.
	name, subject, hint string
	// target returns the workflow and the argument for the next attempt. last is the error of
	// the attempt before, nil at first; it is errClosed if the workflow did not run.
	target func(ctx context.Context, last error) (workflowID string, argument any, err error)
}

// send sends the update and waits for the answer.
func (u update) send(ctx context.Context) error {
	begun := time.Now()
	var last error
	for attempt := 1; ; attempt++ {
		id, argument, err := u.target(ctx, last)
		if err != nil {
			return err
		}
		last = u.attempt(ctx, id, argument)
		if last == nil || time.Since(begun) > u.timeout || ctx.Err() != nil || !moved(last) {
			return last
		}
		pause(ctx, min(time.Second, time.Duration(attempt-1)*100*time.Millisecond))
	}
}

func (u update) attempt(ctx context.Context, workflowID string, argument any) error {
	deadline, limited := ctx.Deadline()
	ours := !limited || time.Until(deadline) > u.timeout
	waiting, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	handle, err := u.temporal.UpdateWorkflow(waiting, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: u.name, Args: []any{argument}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(waiting, nil)
	}
	// The server may time out a moment before the client.
	var timedOut *client.WorkflowUpdateServiceTimeoutOrCanceledError
	switch {
	case err == nil:
		return nil
	case ours && ctx.Err() == nil && (waiting.Err() != nil || errors.As(err, &timedOut)):
		return fmt.Errorf("%s of %s: %w within %s: check that a worker is running and ready. "+
			"The command may still be executed once it is%s", u.name, u.subject, ErrNoWorker, u.timeout, u.hint)
	default:
		return fmt.Errorf("%s of %s: %w", u.name, u.subject, answered(closed(err)))
	}
}

// moved reports whether a run ended before it could answer, for instance because it continued
// as new.
func moved(err error) bool {
	var aborted *serviceerror.Aborted
	var unavailable *serviceerror.Unavailable
	var app *temporal.ApplicationError
	return errors.Is(err, errClosed) || errors.As(err, &aborted) || errors.As(err, &unavailable) ||
		errors.As(err, &app) && app.Type() == command.TypeOtherRun
}

// closed maps Temporal's NotFound for a closed run to errClosed.
func closed(err error) error {
	if isNotFound(err) {
		return errClosed
	}
	return err
}

// errClosed reports that the workflow's run was closed when the command arrived.
var errClosed = fmt.Errorf("its workflow has ended: %w", store.ErrConflict)

// pause waits, but not longer than ctx.
func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
