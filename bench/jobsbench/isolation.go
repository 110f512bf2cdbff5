package jobsbench

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/bench/openloop"
)

// Isolation are the figures of ten destinations, one of which hangs: all of them are about
// the nine others.
type Isolation struct {
	Lanes int `json:"lanes"`
	// Well is how the nine did while all ten were well, Hanging while one did not answer.
	Well    Latency `json:"well"`
	Hanging Latency `json:"hanging"`
	// Ratio is by how much the 99th percentile grew.
	Ratio float64 `json:"p99_ratio"`
}

// isolation enqueues jobs for ten lanes in turn, first while all are well, then while the
// first one hangs.
func (b *bench) isolation(ctx context.Context, s system) (i Isolation, err error) {
	i.Lanes = lanes
	if err := s.start(ctx, mode{lanes: true}); err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, s.stop(ctx)) }()
	plan := openloop.Schedule{Rate: b.cfg.LaneRate}
	warm := plan.Within(b.cfg.WarmUp)
	// Of each turn the first job is for the lane that hangs later.
	jobs := plan.Within(b.cfg.WarmUp+b.cfg.Length) / lanes * lanes
	counts := func(no int64) bool { return no >= warm && no%lanes != 0 }
	for _, pass := range []struct {
		hang    []string
		awaited int64
		into    *Latency
	}{
		{nil, jobs, &i.Well},
		{[]string{laneOf(0)}, jobs / lanes * (lanes - 1), &i.Hanging},
	} {
		if *pass.into, err = b.bySchedule(ctx, s, plan, jobs, pass.awaited, counts, laneOf, pass.hang...); err != nil {
			return i, fmt.Errorf("with %d lanes that hang: %w", len(pass.hang), err)
		}
	}
	i.Ratio = i.Hanging.Delay.P99 / i.Well.Delay.P99
	return i, nil
}
