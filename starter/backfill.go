package starter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// MaxBackfill is how many runs a backfill may have. It is also how many times the server
// lists at once.
const MaxBackfill = 1000

// BackfillTimes returns the times of a schedule from one moment to another, both included
// and both in the past: what a backfill would run. The errors are store.ErrNotFound if
// there is no such schedule, and store.ErrLimit if there are more than MaxBackfill.
func (s *Starter) BackfillTimes(ctx context.Context, name string, from, to time.Time) ([]time.Time, error) {
	switch {
	case !from.Before(to):
		return nil, call.Mark(fmt.Errorf("from %s to %s: want the earlier time first",
			from.Format(time.RFC3339), to.Format(time.RFC3339)), ErrInvalid)
	case to.After(time.Now()):
		return nil, call.Mark(
			fmt.Errorf("to %s: a backfill is for times that have passed", to.Format(time.RFC3339)), ErrInvalid)
	}
	if _, err := s.requireSchedule(ctx, name); err != nil {
		return nil, err
	}
	// Only Temporal knows the times.
	if _, err := s.SyncSchedule(ctx, name); err != nil {
		return nil, err
	}
	view, err := s.schedule(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	// The server leaves the first moment out.
	times, err := s.matching(ctx, name, from.Add(-time.Second), to)
	if err != nil || len(times) == 0 {
		return nil, err
	}
	if len(times) >= MaxBackfill {
		rest, err := s.matching(ctx, name, times[len(times)-1], to)
		if err != nil {
			return nil, err
		}
		if len(rest) > 0 {
			return nil, fmt.Errorf("more than %d runs from %s to %s: take a shorter time: %w", MaxBackfill,
				from.Format(time.RFC3339), to.Format(time.RFC3339), store.ErrLimit)
		}
	}
	for i, at := range times {
		times[i] = at.In(view.Timing.Location())
	}
	return times, nil
}

// matching returns the first times of a schedule behind from and up to to.
func (s *Starter) matching(ctx context.Context, name string, from, to time.Time) ([]time.Time, error) {
	answer, err := s.Temporal.WorkflowService().ListScheduleMatchingTimes(ctx,
		&workflowservice.ListScheduleMatchingTimesRequest{
			Namespace: s.Namespace, ScheduleId: workflows.ScheduleID(name),
			StartTime: timestamppb.New(from), EndTime: timestamppb.New(to),
		})
	if err != nil {
		return nil, fmt.Errorf("list the times of schedule %s: %w", name, err)
	}
	times := make([]time.Time, 0, len(answer.GetStartTime()))
	for _, at := range answer.GetStartTime() {
		if at := at.AsTime(); at.After(from) {
			times = append(times, at)
		}
	}
	return times, nil
}

// BackfillSchedule runs a schedule for the times from one moment to another, as if it had
// been there, and returns them; the error is BackfillTimes'. They run one after the other
// unless overlap says otherwise. A time whose import has completed is not imported again;
// one whose import has failed is.
func (s *Starter) BackfillSchedule(
	ctx context.Context, name string, from, to time.Time, overlap string,
) ([]time.Time, error) {
	policy, err := overlapPolicy(overlap, OverlapBufferAll)
	if err != nil {
		return nil, call.Mark(err, ErrInvalid)
	}
	times, err := s.BackfillTimes(ctx, name, from, to)
	if err != nil {
		return nil, err
	}
	if len(times) == 0 {
		return nil, call.Mark(errors.New("schedule "+name+" has no time in between: there is nothing to run"), ErrInvalid)
	}
	about := map[string]string{"from": from.Format(time.RFC3339), "to": to.Format(time.RFC3339), "overlap": overlap}
	return times, s.runSchedule(ctx, name, "backfill", about, func(h client.ScheduleHandle) error {
		return h.Backfill(ctx, client.ScheduleBackfillOptions{
			Backfill: []client.ScheduleBackfill{{Start: from, End: to, Overlap: policy}},
		})
	})
}
