package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"github.com/sluicehq/sluice/store"
)

// Trouble is a worker interceptor that notes in the store why an attempt at an
// activity failed, so that whoever waits for an import sees what is being tried
// again, and clears the note once it has worked.
type Trouble struct {
	interceptor.WorkerInterceptorBase
	Store *store.Store
}

var _ interceptor.WorkerInterceptor = (*Trouble)(nil)

// InterceptActivity wraps every activity.
func (t *Trouble) InterceptActivity(
	_ context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	inbound := &troubleInbound{store: t.Store}
	inbound.Next = next
	return inbound
}

type troubleInbound struct {
	interceptor.ActivityInboundInterceptorBase
	store *store.Store
}

// about is an activity's argument that names an import.
type about interface{ about() int64 }

func (r ImportRef) about() int64 { return r.ImportID }
func (r PartRef) about() int64   { return r.ImportID }
func (e Ended) about() int64     { return e.ImportID }

// ExecuteActivity runs the activity and notes how it went.
func (t *troubleInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := t.Next.ExecuteActivity(ctx, in)
	if len(in.Args) == 0 {
		return result, err
	}
	subject, ok := in.Args[0].(about)
	if !ok || err == nil && activity.GetInfo(ctx).Attempt == 1 || err != nil && ctx.Err() != nil {
		return result, err
	}
	note := ""
	if err != nil {
		note = err.Error()
	}
	// Noting must neither hang nor change the outcome: where the store is the trouble,
	// the note fails too, and the log has it all the same.
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if noteErr := t.store.SetTrouble(noting, note, subject.about()); noteErr != nil {
		activity.GetLogger(ctx).Warn("could not note the trouble", "error", noteErr)
	}
	return result, err
}
