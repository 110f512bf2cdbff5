package syncbench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/starter"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// Load are the figures of a full load of one list.
type Load struct {
	Members int `json:"members"`
	// Seconds is the duration from the command to the end of the run.
	Seconds float64 `json:"seconds"`
	// Dictated is what the rate of Ometria takes, 0 without a limit; Ratio is Seconds to Dictated.
	Dictated  float64 `json:"dictated_seconds,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
	PerSecond float64 `json:"members_per_second"`
	// Breaches is the number of requests above a budget.
	Breaches int     `json:"breaches"`
	PeakMiB  float64 `json:"worker_peak_mib"`
	// WorkerMicros is the processor time of the worker for each member, in microseconds. It does not depend on what
	// else the machine does.
	WorkerMicros float64 `json:"worker_us_per_member"`
}

// list is the list of cases with one list.
const list = "1a2d7ebf82"

// loading says what to load.
type loading struct {
	// name is that of the account and of the sync.
	name          string
	members, runs int
	lifted        bool
	// scan makes a scan for deletions due from the start.
	scan bool
}

// loadOnce loads a list with a worker of its own.
func loadOnce(ctx context.Context, cfg Config, of loading) (l *Load, err error) {
	err = withBench(ctx, cfg, func(b *bench) (err error) {
		l, err = b.load(ctx, of)
		return err
	})
	return l, err
}

// load loads a list several times; the median counts.
func (b *bench) load(ctx context.Context, of loading) (l *Load, err error) {
	a, err := b.openAccount(ctx, of.name, of.lifted)
	if err != nil {
		return nil, err
	}
	defer a.stop()
	a.fill(list, of.members)
	before, err := workerprocess.CPU(b.worker.PID())
	if err != nil {
		return nil, err
	}
	var seconds []float64
	for run := range of.runs {
		began := time.Now()
		if run == 0 {
			err = b.create(ctx, a, of.name, list)
			if err == nil && of.scan {
				_, err = b.DB.Exec(ctx, "UPDATE syncs SET created_at = now() - interval '2 days' WHERE name = $1", of.name)
			}
		} else {
			err = b.again(ctx, of.name)
		}
		if err != nil {
			return nil, err
		}
		ended, err := b.awaitRuns(ctx, of.name, run+1, of.members)
		if err != nil {
			return nil, err
		}
		seconds = append(seconds, ended.Sub(began).Seconds())
	}
	if n := len(a.ometria.Records()); n != of.members {
		return nil, fmt.Errorf("the target has %d records: want %d", n, of.members)
	}
	slices.Sort(seconds)
	l = &Load{Members: of.members, Seconds: seconds[len(seconds)/2], Breaches: a.breaches()}
	l.PerSecond = float64(of.members) / l.Seconds
	if !of.lifted {
		l.Dictated = dictated(of.members)
		l.Ratio = l.Seconds / l.Dictated
	}
	after, err := workerprocess.CPU(b.worker.PID())
	if err != nil {
		return nil, err
	}
	l.WorkerMicros = float64((after - before).Microseconds()) / float64(of.runs*of.members)
	l.PeakMiB, err = b.worker.PeakMiB()
	return l, err
}

// dictated returns the seconds that Ometria's rate takes for so many records.
func dictated(members int) float64 {
	return math.Ceil(float64(members)/pushRecords) / ometriaRate
}

// again makes the next run of a sync a full load, and runs it.
func (b *bench) again(ctx context.Context, name string) error {
	if _, err := b.syncs.Set(ctx, name, []syncclient.Change{{Name: "latest_timestamp", Value: "null"}}); err != nil {
		return err
	}
	return b.syncs.Run(ctx, name, starter.By{Who: "bench"})
}

// awaitRuns waits until so many runs of a sync have succeeded, the last with so many members, and returns the
// end of the last.
func (b *bench) awaitRuns(ctx context.Context, name string, runs, members int) (ended time.Time, err error) {
	rows := syncstore.New(b.Store.Store)
	err = delay.Until(ctx, 50*time.Millisecond, func() (bool, error) {
		history, err := rows.History(ctx, name, syncstore.RunFilter{}, 0, runs)
		if err != nil || len(history) < runs || history[0].Status == syncstore.StatusRunning {
			return false, err
		}
		last := history[0]
		if last.Status != syncstore.StatusSucceeded || last.Delivered != int64(members) || last.EndedAt == nil {
			return false, fmt.Errorf("the run has %s with %d of %d members: %s",
				last.Status, last.Delivered, members, last.Error)
		}
		ended = *last.EndedAt
		return true, nil
	})
	return ended, err
}
