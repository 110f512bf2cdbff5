package jobsbench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/bench/openloop"
	"github.com/sluicehq/sluice/bench/workerprocess"
)

// system is what jobs are delivered by. What delivers is a process of its own; what
// enqueues is this one.
type system interface {
	// start starts the process that delivers, and returns once it is ready.
	start(ctx context.Context, m mode) error
	release(ctx context.Context) error
	// stop ends the process, and withdraws the jobs that were not delivered: they are to be
	// no burden for the next case.
	stop(ctx context.Context) error
	// enqueue adds one job for a lane, as a program does that has something to deliver.
	enqueue(ctx context.Context, lane string, no int64) error
	// enqueueAll adds jobs for laneAll, from a number on, by the means that there are for many
	// at once.
	enqueueAll(ctx context.Context, first, jobs int64) error
	// succeeded is how many jobs the store says were delivered since the last start.
	succeeded(ctx context.Context) (int64, error)
	// usage is what the processes have used so far that the system needs.
	usage() (Usage, error)
	// close lets go of what enqueues.
	close()
}

// mode is what a process is started for.
type mode struct {
	// held says that it delivers nothing before it is released.
	held bool
	// lanes says that jobs are for lanes, and not for laneAll.
	lanes bool
}

// laneAll is the lane of the cases that have one.
const laneAll = "all"

// lanes is how many destinations the case of isolation has.
const lanes = 10

// stopTimeout bounds how long it may take to withdraw jobs.
const stopTimeout = time.Minute

// laneOf is the lane of a job in the case of isolation.
func laneOf(no int64) string { return fmt.Sprint(no % lanes) }

// jobType is the type of the events.
const jobType = "order.created"

// jobData is what is delivered: some 250 bytes, as small events have.
func jobData(no int64) json.RawMessage {
	return fmt.Appendf(nil, `{"no":%d,"order":"order-%012d","customer":{"name":"Anna Example","email":"anna@example.com",`+
		`"city":"Tallinn"},"lines":[{"sku":"A-1001","count":2,"price":"12.50"},{"sku":"B-2002","count":1,"price":"7.25"}],`+
		`"total":"32.25","currency":"EUR"}`, no, no)
}

// signingSecret signs what is posted to the sink, which is no secret.
const signingSecret = "whsec_YmVuY2gtam9icy1vZi1zbHVpY2UtMzItYnl0ZXMhISE=" //nolint:gosec // G101: it opens nothing

// Usage is processor time.
type Usage struct {
	// Enqueuer is this process, Worker the one that delivers, Temporal and Postgres are the
	// engines' that the system works with.
	Enqueuer time.Duration
	Worker   time.Duration
	Temporal time.Duration
	Postgres time.Duration
}

// PerJob is processor time a job, in milliseconds.
type PerJob struct {
	Enqueuer float64 `json:"enqueuer_ms"`
	Worker   float64 `json:"worker_ms"`
	Temporal float64 `json:"temporal_ms"`
	Postgres float64 `json:"postgres_ms"`
	// Sum is that of the worker and the engines.
	Sum float64 `json:"sum_ms"`
}

// each is what jobs have cost, from one look to a later one.
func (u Usage) each(before Usage, jobs int) PerJob {
	n := float64(max(jobs, 1))
	p := PerJob{
		Enqueuer: openloop.Milliseconds(u.Enqueuer-before.Enqueuer) / n,
		Worker:   openloop.Milliseconds(u.Worker-before.Worker) / n,
		Temporal: openloop.Milliseconds(u.Temporal-before.Temporal) / n,
		Postgres: openloop.Milliseconds(u.Postgres-before.Postgres) / n,
	}
	p.Sum = p.Worker + p.Temporal + p.Postgres
	return p
}

// usageOf reads the processor time of processes; 0 is none.
func usageOf(worker, temporal, postgres int) (u Usage, err error) {
	// The children do not count.
	if u.Enqueuer, err = workerprocess.OwnCPU(); err != nil {
		return u, err
	}
	for _, p := range []struct {
		pid  int
		into *time.Duration
	}{{worker, &u.Worker}, {temporal, &u.Temporal}, {postgres, &u.Postgres}} {
		if p.pid == 0 {
			continue
		}
		if *p.into, err = workerprocess.CPU(p.pid); err != nil {
			return u, err
		}
	}
	return u, nil
}
