// Package call sends commands to workflows, and tells why a workflow does not answer.
package call

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows/command"
)

// DefaultAnswerTimeout bounds how long a command waits for a worker.
const DefaultAnswerTimeout = 10 * time.Second

// Update is a command that is sent as an update of a workflow. If the workflow ends or continues
// as new before it answers, the update is sent again.
type Update struct {
	Temporal client.Client
	// Timeout bounds the wait for the answer of a worker.
	Timeout time.Duration
	// Name is the command, Subject what it is for, Hint the end of the error that no worker
	// answers.
	Name, Subject, Hint string
	// Target returns the workflow and the argument for the next attempt. last is the error of
	// the attempt before, nil at first; it is ErrClosed if the workflow did not run.
	Target func(ctx context.Context, last error) (workflowID string, argument any, err error)
}

// Send sends the update and waits for the answer.
func (u Update) Send(ctx context.Context) error {
	begun := time.Now()
	var last error
	for attempt := 1; ; attempt++ {
		id, argument, err := u.Target(ctx, last)
		if err != nil {
			return err
		}
		last = u.attempt(ctx, id, argument)
		if last == nil || time.Since(begun) > u.Timeout || ctx.Err() != nil || !moved(last) {
			return last
		}
		if err := delay.Wait(ctx, min(time.Second, time.Duration(attempt-1)*100*time.Millisecond)); err != nil {
			return fmt.Errorf("%s of %s: %w", u.Name, u.Subject, err)
		}
	}
}

func (u Update) attempt(ctx context.Context, workflowID string, argument any) error {
	leave, err := gates.enter(ctx, target{temporal: u.Temporal, workflowID: workflowID})
	if err != nil {
		return fmt.Errorf("%s of %s: %w", u.Name, u.Subject, err)
	}
	defer leave()
	deadline, limited := ctx.Deadline()
	ours := !limited || time.Until(deadline) > u.Timeout
	waiting, cancel := context.WithTimeout(ctx, u.Timeout)
	defer cancel()
	handle, err := u.Temporal.UpdateWorkflow(waiting, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: u.Name, Args: []any{argument}, WaitForStage: client.WorkflowUpdateStageCompleted,
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
			"The command may still be executed once it is%s", u.Name, u.Subject, ErrNoWorker, u.Timeout, u.Hint)
	default:
		return fmt.Errorf("%s of %s: %w", u.Name, u.Subject, answered(Closed(err)))
	}
}

// moved reports whether a run ended before it could answer, for instance because it continued
// as new.
func moved(err error) bool {
	var aborted *serviceerror.Aborted
	var unavailable *serviceerror.Unavailable
	var app *temporal.ApplicationError
	return errors.Is(err, ErrClosed) || errors.As(err, &aborted) || errors.As(err, &unavailable) ||
		errors.As(err, &app) && app.Type() == command.TypeOtherRun
}

// Closed maps Temporal's NotFound for a closed run to ErrClosed.
func Closed(err error) error {
	if IsNotFound(err) {
		return ErrClosed
	}
	return err
}

// ErrClosed reports that the workflow's run was closed when the command arrived.
var ErrClosed = fmt.Errorf("its workflow has ended: %w", store.ErrConflict)
