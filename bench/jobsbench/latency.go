package jobsbench

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/bench/openloop"
)

// Latency has the figures of jobs that are enqueued one by one, on a schedule.
type Latency struct {
	// Jobs is how many counted, Delivered how many of them were within patience. One that
	// was not counts as if it had come at the end of it.
	Jobs      int `json:"jobs"`
	Delivered int `json:"delivered"`
	// Doubles is how many were delivered more than once.
	Doubles int `json:"doubles"`
	// Delay is from the time that a job was to be enqueued to when the sink had it.
	Delay openloop.Spread `json:"delay"`
	// Enqueued is from that time to when it was enqueued.
	Enqueued openloop.Spread `json:"enqueued"`
	// Used is processor time.
	Used PerJob `json:"used"`
}

// latency enqueues jobs at a rate and looks when they come.
func (b *bench) latency(ctx context.Context, s system) (l Latency, err error) {
	if err := s.start(ctx, mode{}); err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, s.stop(ctx)) }()
	plan := openloop.Schedule{Rate: b.cfg.Rate}
	warm, jobs := plan.Within(b.cfg.WarmUp), plan.Within(b.cfg.WarmUp+b.cfg.Length)
	counts := func(no int64) bool { return no >= warm }
	return b.bySchedule(ctx, s, plan, jobs, jobs, counts, func(int64) string { return laneAll })
}

// bySchedule enqueues jobs by a schedule that begins soon, waits until as many have come as
// are awaited, and says how those of them went that count. The sink lets the lanes hang.
func (b *bench) bySchedule(
	ctx context.Context, s system, plan openloop.Schedule, jobs, awaited int64, counts func(no int64) bool,
	lane func(no int64) string, hang ...string,
) (l Latency, err error) {
	first, err := b.fresh(ctx, hang...)
	if err != nil {
		return l, err
	}
	before, err := s.usage()
	if err != nil {
		return l, err
	}
	plan.Start = time.Now().Add(100 * time.Millisecond)
	accepted, err := openloop.Run(ctx, plan, jobs, b.cfg.Producers, func(ctx context.Context, no int64) error {
		return s.enqueue(ctx, lane(no), first+no)
	})
	if err != nil {
		return l, err
	}
	n, err := b.sink.Wait(ctx, int(awaited), b.cfg.Patience)
	if err != nil {
		return l, err
	}
	end := time.Now()
	after, err := s.usage()
	if err != nil {
		return l, err
	}
	arrivals, err := b.sink.Arrivals(ctx)
	if err != nil {
		return l, err
	}
	delays, came := delaysOf(plan, first, jobs, counts, arrivals, end)
	var enqueued []time.Duration
	for no, d := range accepted {
		if counts(int64(no)) {
			enqueued = append(enqueued, d)
		}
	}
	return Latency{
		Jobs: len(delays), Delivered: came, Doubles: n.Doubles,
		Delay: openloop.SpreadOf(delays), Enqueued: openloop.SpreadOf(enqueued),
		// Those of the warm-up have cost as much.
		Used: after.each(before, n.Jobs),
	}, nil
}
