package pool

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/internal/delay"
)

// Why the writer of a lease ends.
var (
	errReleased = errors.New("the partition is released")
	errLost     = errors.New("the lease was lost")
	errExpired  = errors.New("the lease was not renewed in time")
)

// run is the writer of one lease.
type run struct {
	pool  *Pool
	lease Lease
	// ctx ends with the run.
	ctx  context.Context
	stop context.CancelCauseFunc
	// expiry ends ctx with the lease.
	expiry *time.Timer
}

// extend moves the end of the lease. A run that has ended stays ended.
func (r *run) extend(end time.Time) {
	if r.ctx.Err() == nil {
		r.expiry.Reset(time.Until(end))
	}
}

// run writes the partition until the lease ends or is released, which frees it. Ctx is
// that of the run.
func (r *run) run(ctx context.Context) {
	defer r.expiry.Stop()
	defer r.stop(nil)
	log := r.pool.cfg.Logger.With("partition", r.lease.Partition, "fencing_token", r.lease.FencingToken)
	log.Info("partition acquired")
	if r.write(ctx) {
		log.Warn("partition lost", "error", writer.ErrFenced)
		return
	}
	if cause := context.Cause(ctx); !errors.Is(cause, errReleased) {
		log.Warn("partition lost", "error", cause)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.pool.cfg.TTL/3)
	defer cancel()
	if err := r.pool.cfg.Leases.Release(ctx, r.lease); err != nil {
		log.Warn("partition not released: its lease expires", "error", err)
		return
	}
	log.Info("partition released")
}

// write runs the writer, again after each fault, until ctx ends. Fenced says that another process has
// the partition.
func (r *run) write(ctx context.Context) (fenced bool) {
	cfg := r.pool.cfg
	backoff := cfg.MinBackoff
	for {
		begun := time.Now()
		err := cfg.Writer.Run(ctx, r.lease.Partition, r.lease.FencingToken)
		switch {
		case ctx.Err() != nil:
			return false
		case errors.Is(err, writer.ErrFenced):
			return true
		}
		if time.Since(begun) > cfg.MaxBackoff {
			backoff = cfg.MinBackoff
		}
		cfg.Logger.Error("partition not written", "partition", r.lease.Partition, "retry_after", backoff, "error", err)
		if delay.Wait(ctx, backoff) != nil {
			return false
		}
		backoff = min(2*backoff, cfg.MaxBackoff)
	}
}
