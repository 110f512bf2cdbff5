package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// Brief is how long an attempt at Sluice's own bookkeeping may take. Pulse lets such
// attempts end when the worker stops: they are over before they are worth interrupting,
// and whoever decides about an import waits for one.
const Brief = time.Minute

// Pulse is a worker interceptor for activities that do not heartbeat on their own. It
// sends heartbeats from the side for those that have a heartbeat timeout, so that
// another worker takes over soon after this one has died, and so that a cancellation
// reaches them; and it ends those early when the worker stops that may take longer than
// Brief.
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
	info := activity.GetInfo(ctx)
	if info.HeartbeatTimeout == 0 {
		return p.Next.ExecuteActivity(ctx, in)
	}
	if info.StartToCloseTimeout <= Brief {
		defer keepBeating(ctx, nil)()
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
// if it is not nil. What is over before the first is due sends none.
func keepBeating(ctx context.Context, details func() any) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(beatEvery(ctx))
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if details == nil {
					activity.RecordHeartbeat(ctx)
				} else {
					activity.RecordHeartbeat(ctx, details())
				}
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
