package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// BookkeepingTimeout is the maximum duration of an attempt at Sluice's own bookkeeping. The Heartbeater does not
// interrupt such attempts when the worker stops: they end soon, and a person who decides about an import
// waits for one.
const BookkeepingTimeout = time.Minute

// Heartbeater is a worker interceptor that heartbeats for activities with a heartbeat timeout, so that
// another worker takes over soon after this one has died, and so that a cancellation reaches them. When
// the worker stops it interrupts those that may take longer than BookkeepingTimeout.
type Heartbeater struct {
	interceptor.WorkerInterceptorBase
}

var _ interceptor.WorkerInterceptor = (*Heartbeater)(nil)

// InterceptActivity wraps every activity.
func (*Heartbeater) InterceptActivity(
	_ context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	inbound := &heartbeaterInbound{}
	inbound.Next = next
	return inbound
}

type heartbeaterInbound struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity runs the activity with heartbeats.
func (p *heartbeaterInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	if info.HeartbeatTimeout == 0 {
		return p.Next.ExecuteActivity(ctx, in)
	}
	if info.StartToCloseTimeout <= BookkeepingTimeout {
		defer SendHeartbeats(ctx, nil)()
		return p.Next.ExecuteActivity(ctx, in)
	}
	ctx, stop := UntilStop(ctx)
	defer stop()
	defer SendHeartbeats(ctx, nil)()
	result, err := p.Next.ExecuteActivity(ctx, in)
	if err != nil && errors.Is(context.Cause(ctx), ErrWorkerStopping) {
		// However the activity has reported it, the interruption is not an error of the import.
		return nil, Failure(context.Cause(ctx))
	}
	return result, err
}

// SendHeartbeats sends heartbeats in the background until stop is called, with details if they are not nil.
// An activity that ends before the first heartbeat is due sends none.
func SendHeartbeats(ctx context.Context, details func() any) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(HeartbeatInterval(ctx))
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
				// Temporal ignores heartbeats of a cancelled attempt.
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// HeartbeatInterval returns how often an attempt heartbeats: often enough for its timeout, and to receive
// a cancellation, which arrives with the answer to a heartbeat, soon.
func HeartbeatInterval(ctx context.Context) time.Duration {
	const soon = time.Second
	return max(min(activity.GetInfo(ctx).HeartbeatTimeout/4, soon), 100*time.Millisecond)
}
