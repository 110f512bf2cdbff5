package lifecyclebench

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/internal/delay"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Waiting are the figures of imports that wait for one lock, which another import holds.
type Waiting struct {
	Waiters int `json:"waiters"`
	// QueuedIn is how long it took until all of them stood in the queue, Queueing the
	// processor time of that.
	QueuedIn float64 `json:"queued_in_s"`
	Queueing Usage   `json:"queueing"`
	// IdleSeconds is the duration of the following measurements.
	IdleSeconds float64 `json:"idle_s"`
	// Without is the processor time while there was no import, With while all waited.
	Without Usage `json:"without"`
	With    Usage `json:"with"`
}

// waiting queues imports behind one that waits for its source with the lock held, and measures what they
// cost while nothing moves.
func (b *bench) waiting(ctx context.Context, cfg Config) (w Waiting, err error) {
	w.Waiters, w.IdleSeconds = cfg.Waiters, cfg.Idle.Seconds()
	if w.Without, err = b.idle(ctx, cfg.Idle); err != nil {
		return w, err
	}
	locks := []map[string]any{{"resource": "bench"}}
	holder, err := b.start(ctx, b.sites[0], map[string]any{"locks": locks, "fail": "plan", "wait": "1h"})
	if err != nil {
		return w, err
	}
	err = delay.Until(ctx, 200*time.Millisecond, func() (bool, error) {
		imp, err := b.Store.Imports.Import(ctx, holder.ID)
		return imp.WaitUntil != nil, err
	})
	if err != nil {
		return w, err
	}
	before, err := b.usage()
	if err != nil {
		return w, err
	}
	began := time.Now()
	var starting errgroup.Group
	starting.SetLimit(starters)
	for i := range cfg.Waiters {
		starting.Go(func() error {
			_, err := b.start(ctx, b.sites[i%len(b.sites)], map[string]any{"locks": locks})
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		return w, err
	}
	if err := b.allWait(ctx, cfg.Waiters); err != nil {
		return w, err
	}
	w.QueuedIn = time.Since(began).Seconds()
	after, err := b.usage()
	if err != nil {
		return w, err
	}
	w.Queueing = after.since(before)
	w.With, err = b.idle(ctx, cfg.Idle)
	return w, err
}

// allWait waits until all imports but the holder of the lock wait for it, and every
// workflow has heard that it waits. An import that does not wait is an error.
func (b *bench) allWait(ctx context.Context, waiters int) error {
	return delay.Until(ctx, 200*time.Millisecond, func() (bool, error) {
		var waiting, failed int
		err := b.DB.QueryRow(ctx, `SELECT count(*) FILTER (WHERE i.status = 'queued' AND i.phase = $1
				AND EXISTS (SELECT 1 FROM feedback f WHERE f.import_id = i.id AND f.message LIKE 'Waiting for %')),
			count(*) FILTER (WHERE i.status = 'failed') FROM imports i`,
			importstore.PhaseLocking).Scan(&waiting, &failed)
		if err == nil && failed > 0 {
			err = fmt.Errorf("%d imports have failed that were to wait", failed)
		}
		return waiting == waiters, err
	})
}

// settle is how long what was done before may still be on its way: the server has timers
// of ten seconds behind every task of a workflow.
const settle = 12 * time.Second

// idle measures processor time without requests.
func (b *bench) idle(ctx context.Context, length time.Duration) (Usage, error) {
	if err := delay.Wait(ctx, settle); err != nil {
		return Usage{}, err
	}
	before, err := b.usage()
	if err != nil {
		return Usage{}, err
	}
	if err := delay.Wait(ctx, length); err != nil {
		return Usage{}, err
	}
	after, err := b.usage()
	return after.since(before), err
}
