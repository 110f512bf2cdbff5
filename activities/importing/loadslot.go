package importing

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/activities"
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
	ctx, stop := activities.UntilStop(ctx)
	defer stop()
	defer activities.SendHeartbeats(ctx, details)()
	select {
	case l.Slots <- struct{}{}:
		return free, nil
	case <-ctx.Done():
		return nil, activities.Cause(ctx, ctx.Err())
	}
}
