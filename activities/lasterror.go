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
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// LastErrorRecorder is a worker interceptor that notes in the store why an attempt at an
// activity failed, so that a user who waits for an import or the run of a sync sees what is being
// retried, and clears the note after a success.
type LastErrorRecorder struct {
	interceptor.WorkerInterceptorBase
	// Store has the imports, Runs the runs of syncs. A worker needs the one that its activities are about.
	Store *importstore.Store
	Runs  *syncstore.Store
}

var _ interceptor.WorkerInterceptor = (*LastErrorRecorder)(nil)

// InterceptActivity wraps every activity.
func (t *LastErrorRecorder) InterceptActivity(
	_ context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	inbound := &lastErrorInbound{store: t.Store, runs: t.Runs}
	inbound.Next = next
	return inbound
}

type lastErrorInbound struct {
	interceptor.ActivityInboundInterceptorBase
	store *importstore.Store
	runs  *syncstore.Store
}

// ImportArgument is an activity's argument that names an import.
type ImportArgument interface {
	// ImportNo returns the import's number.
	ImportNo() int64
}

// RunArgument is an activity's argument that names the run of a sync.
type RunArgument interface {
	// RunNo returns the run's number.
	RunNo() int64
}

// InterruptedResult is the result of an activity that made progress and may have been interrupted by an error, after
// which it is retried.
type InterruptedResult interface {
	// InterruptedBy returns the error's text, "" for none.
	InterruptedBy() string
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
	interrupted := ""
	if partial, ok := result.(InterruptedResult); ok {
		interrupted = partial.InterruptedBy()
	}
	switch {
	case err == nil && (interrupted != "" || activity.GetInfo(ctx).Attempt > 1):
		t.note(ctx, in, interrupted)
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
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.Message()
	}
	return err.Error()
}

// note records the last error of the import or the run that the activity is about.
func (t *lastErrorInbound) note(ctx context.Context, in *interceptor.ExecuteActivityInput, lastError string) {
	t.about(ctx, in, func(ctx context.Context, id int64) error {
		return t.store.RecordAttemptError(ctx, id, lastError)
	})
	if run, ok := subjectOf[RunArgument](in); ok {
		t.write(ctx, func(ctx context.Context) error { return t.runs.RecordAttemptError(ctx, run.RunNo(), lastError) })
	}
}

// about writes something down about the import that the activity is about.
func (t *lastErrorInbound) about(
	ctx context.Context, in *interceptor.ExecuteActivityInput, write func(ctx context.Context, id int64) error,
) {
	if imp, ok := subjectOf[ImportArgument](in); ok {
		t.write(ctx, func(ctx context.Context) error { return write(ctx, imp.ImportNo()) })
	}
}

// subjectOf returns the argument of an activity if it names a subject.
func subjectOf[T any](in *interceptor.ExecuteActivityInput) (subject T, ok bool) {
	if len(in.Args) == 0 {
		return subject, false
	}
	subject, ok = in.Args[0].(T)
	return subject, ok
}

// write writes a note. It must neither hang nor change the outcome: where the store fails, the note fails too, and the
// log has it all the same.
func (t *lastErrorInbound) write(ctx context.Context, note func(ctx context.Context) error) {
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := note(noting); err != nil {
		activity.GetLogger(ctx).Warn("could not record the last error", "error", err)
	}
}
