package activities

import (
	"context"

	"go.temporal.io/sdk/activity"
)

// slot waits until the process may load another part, and returns what ends that. The heartbeats
// of an attempt that waits have the details of the attempt before, which the next one needs.
func (l *Loading) slot(ctx context.Context) (free func(), err error) {
	if l.Slots == nil {
		return func() {}, nil
	}
	free = func() { <-l.Slots }
	select {
	case l.Slots <- struct{}{}:
		return free, nil
	default:
	}
	var details func() any
	if activity.HasHeartbeatDetails(ctx) {
		var last Advance
		if err := activity.GetHeartbeatDetails(ctx, &last); err != nil {
			return nil, err
		}
		details = func() any { return last }
	}
	ctx, stop := untilStop(ctx)
	defer stop()
	defer sendHeartbeats(ctx, details)()
	select {
	case l.Slots <- struct{}{}:
		return free, nil
	case <-ctx.Done():
		return nil, causeOf(ctx, ctx.Err())
	}
}
