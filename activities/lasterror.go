package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	importstore "github.com/sluicehq/sluice/store/importing"
)

// LastErrorRecorder is a worker interceptor that notes in the store why an attempt at an
// activity failed, so that a user who waits for an import sees what is being retried, and clears
// the note after a success.
type LastErrorRecorder struct {
	interceptor.WorkerInterceptorBase
	Store *importstore.Store
}

var _ interceptor.WorkerInterceptor = (*LastErrorRecorder)(nil)

// InterceptActivity wraps every activity.
func (t *LastErrorRecorder) InterceptActivity(
	_ context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	inbound := &lastErrorInbound{store: t.Store}
	inbound.Next = next
	return inbound
}

type lastErrorInbound struct {
	interceptor.ActivityInboundInterceptorBase
	store *importstore.Store
}

// ImportArgument is an activity's argument that names an import.
type ImportArgument interface {
	// ImportNo returns the import's number.
	ImportNo() int64
}

// ExecuteActivity runs the activity and notes how it went.
func (t *lastErrorInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	defer func() {
		if p := recover(); p != nil {
			// The panic is raised again, as a text that can be stored.
			text := Plain(fmt.Sprint(p))
			t.note(ctx, in, "panic: "+text)
			panic(text)
		}
	}()
	result, err := t.Next.ExecuteActivity(ctx, in)
	switch {
	case err == nil && activity.GetInfo(ctx).Attempt > 1:
		t.note(ctx, in, "")
	case err != nil && ctx.Err() == nil:
		t.tell(ctx, in, err)
	}
	return result, err
}

// tell writes down why an attempt failed, unless that ends the import and is written
// down with its end.
func (t *lastErrorInbound) tell(ctx context.Context, in *interceptor.ExecuteActivityInput, err error) {
	var app *temporal.ApplicationError
	var wait Wait
	switch {
	case !isFinal(err):
		t.note(ctx, in, messageOf(err))
	case errors.As(err, &app) && app.Type() == TypeWait && app.Details(&wait) == nil:
		t.about(ctx, in, func(ctx context.Context, id int64) error {
			return t.store.NoteWait(ctx, id, wait.Until, wait.Reason)
		})
	}
}

// isFinal says whether an error ends the activity: nothing is tried again.
func isFinal(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.NonRetryable()
}

// messageOf leaves out what the SDK adds to an error's text for itself.
func messageOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}

// note records the last error of the import that the activity is about.
func (t *lastErrorInbound) note(ctx context.Context, in *interceptor.ExecuteActivityInput, lastError string) {
	t.about(ctx, in, func(ctx context.Context, id int64) error {
		return t.store.RecordAttemptError(ctx, id, lastError)
	})
}

// about writes something down about the import that the activity is about.
func (t *lastErrorInbound) about(
	ctx context.Context, in *interceptor.ExecuteActivityInput, write func(ctx context.Context, id int64) error,
) {
	if len(in.Args) == 0 {
		return
	}
	subject, ok := in.Args[0].(ImportArgument)
	if !ok {
		return
	}
	// noting must neither hang nor change the outcome: where the store fails,
	// the note fails too, and the log has it all the same.
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := write(noting, subject.ImportNo()); err != nil {
		activity.GetLogger(ctx).Warn("could not record the last error", "error", err)
	}
}
