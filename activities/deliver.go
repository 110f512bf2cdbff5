package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
)

// Deliver claims a batch of jobs, loads it, and records how it went; then further ones, if a
// stretch was asked for. Twice at once it loads different jobs. A worker that dies leaves
// jobs behind whose leases end: they are unknown then.
func (d *Destinations) Deliver(ctx context.Context, r DeliverRequest) (Delivered, error) {
	ctx, stop := untilGrace(ctx, d.Grace)
	defer stop()
	if err := ctx.Err(); err != nil {
		return Delivered{}, failure(context.Cause(ctx))
	}
	delivered, err := d.deliver(ctx, r)
	return delivered, failure(err)
}

func (d *Destinations) deliver(ctx context.Context, r DeliverRequest) (Delivered, error) {
	s, err := d.newStretch(ctx, r)
	if err != nil {
		return Delivered{}, err
	}
	// An attempt that has died has loaded some, and said so not long before. Only these
	// figures hang on it.
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &s.answer); err != nil {
			d.Logger.Warn("what an earlier attempt has said cannot be read", "error", err)
		}
	}
	s.answer.Add(d.takeLeft(r.ActionRef))
	defer keepBeating(ctx, func() any { return s.soFar() })()
	if s.plan.Realtime && !s.ends.IsZero() {
		if s.lookout, err = d.lookOut(ctx, r.ActionRef); err != nil {
			return Delivered{}, err
		}
	}
	err = s.run(ctx)
	err = errors.Join(err, s.finish(ctx))
	// What has been loaded is told, whatever has ended it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err != nil {
		return Delivered{}, err
	}
	answer := s.soFar()
	answer.Surveyed, err = d.survey(ctx, r.Survey)
	return answer, err
}

// soFar is what heartbeats tell, and at last the answer.
func (s *stretch) soFar() Delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer
}
