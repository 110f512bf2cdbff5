package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// Pulse is a worker interceptor for activities that do not heartbeat on their own. It
// sends heartbeats from the side for those that have a heartbeat timeout, so that
// another worker takes over soon after this one has died, and so that a cancellation
// reaches them; and it ends them early when the worker stops.
type Pulse struct {
	interceptor.WorkerInterceptorBase
}

var _ interceptor.WorkerInterceptor = (*Pulse)(nil)

// InterceptActivity wraps every activity.
func (*Pulse) InterceptActivity(
	_ context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	inbound := &pulseInbound{}
	inbound.Next = next
	return inbound
}

type pulseInbound struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity runs the activity with a pulse.
func (p *pulseInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if activity.GetInfo(ctx).HeartbeatTimeout == 0 {
		// Short bookkeeping: it is over before it is worth interrupting.
		return p.Next.ExecuteActivity(ctx, in)
	}
	ctx, stop := untilStop(ctx)
	defer stop()
	defer keepBeating(ctx, nil)()
	result, err := p.Next.ExecuteActivity(ctx, in)
	if err != nil && errors.Is(context.Cause(ctx), errWorkerStopping) {
		// Whatever the activity made of it, it is no fault of the import.
		return nil, failure(context.Cause(ctx))
	}
	return result, err
}

// keepBeating sends heartbeats from the side until stop is called, with what details returns
// if it is not nil.
func keepBeating(ctx context.Context, details func() any) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(beatEvery(ctx))
		defer ticker.Stop()
		for {
			if details == nil {
				activity.RecordHeartbeat(ctx)
			} else {
				activity.RecordHeartbeat(ctx, details())
			}
			select {
			case <-ticker.C:
			case <-quit:
				return
			case <-ctx.Done():
				// It would reach nobody.
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// beatEvery is how often an attempt heartbeats: often enough for its timeout, and for
// a cancellation, which comes back with a heartbeat, to be noticed soon.
func beatEvery(ctx context.Context) time.Duration {
	const soon = time.Second
	return max(min(activity.GetInfo(ctx).HeartbeatTimeout/4, soon), 100*time.Millisecond)
}
