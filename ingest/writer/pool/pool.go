// Package pool runs the writers of the partitions of the event log that a process has leased.
package pool

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/faults"
)

// Lease is the right to write a partition.
type Lease struct {
	Partition int
	// FencingToken increases with each holder of the partition.
	FencingToken int64
}

// Leases are the leases of one process. A lease lasts for ttl from before the call that acquired or
// renewed it.
type Leases interface {
	// Acquire adds free leases up to the fair share of the process. Surplus is how many the process has
	// beyond it.
	Acquire(ctx context.Context, ttl time.Duration) (acquired []Lease, surplus int, err error)
	// Renew extends the leases of the process and returns all that it has, also those whose acquisition
	// returned an error.
	Renew(ctx context.Context, ttl time.Duration) ([]Lease, error)
	// Release frees a lease.
	Release(ctx context.Context, l Lease) error
	// Leave gives the share of the process to the others. It keeps its leases.
	Leave(ctx context.Context) error
}

// Writer writes a partition until ctx ends, as *writer.Writer does.
type Writer interface {
	Run(ctx context.Context, partition int, token int64) error
}

// Config configures a Pool.
type Config struct {
	// Leases and Writer are required.
	Leases Leases
	Writer Writer
	// TTL is how long a lease lasts. It is renewed after a third of it, and its writer ends a tenth
	// before its end. Defaults to 30 s; at least 1 s.
	TTL time.Duration
	// MinBackoff and MaxBackoff bound the pause after a writer has failed. They default to 1 s and a
	// minute.
	MinBackoff, MaxBackoff time.Duration
	// Logger takes faults and changes of leases. Defaults to slog.Default().
	Logger *slog.Logger
}

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	var f faults.Faults
	f.Check(c.Leases != nil, "pool of writers: no leases")
	f.Check(c.Writer != nil, "pool of writers: no writer")
	f.Check(c.TTL == 0 || c.TTL >= time.Second, "pool of writers: leases of %s: want at least 1s", c.TTL)
	f.Check(c.MinBackoff >= 0 && c.MaxBackoff >= 0,
		"pool of writers: backoff from %s to %s: want 0 for the default, or more", c.MinBackoff, c.MaxBackoff)
	return f.Err()
}

// Pool runs a writer for each lease of a process.
type Pool struct {
	cfg Config
	// runs has the writers that have not ended, and those whose end the loop has not seen.
	runs  map[Lease]*run
	ended chan *run
}

// New returns a Pool.
func New(cfg Config) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.TTL = cmp.Or(cfg.TTL, 30*time.Second)
	cfg.MinBackoff = cmp.Or(cfg.MinBackoff, time.Second)
	cfg.MaxBackoff = cmp.Or(cfg.MaxBackoff, time.Minute)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	return &Pool{cfg: cfg, runs: map[Lease]*run{}, ended: make(chan *run)}, nil
}

// Run runs the writers until ctx ends. Then it ends them, releases their leases and returns; other
// processes take over at once. It is called once.
func (p *Pool) Run(ctx context.Context) {
	defer p.shutdown(context.WithoutCancel(ctx))
	interval := p.cfg.TTL / 3
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-p.ended:
			delete(p.runs, r.lease)
		case <-tick.C:
			if err := p.update(ctx, interval); err != nil && ctx.Err() == nil {
				p.cfg.Logger.Warn("leases of partitions not updated", "retry_after", interval, "error", err)
			}
			tick.Reset(interval)
		}
	}
}

// update renews the leases, acquires more and begins to release what the process has too many.
func (p *Pool) update(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	end := p.end()
	held, err := p.cfg.Leases.Renew(ctx, p.cfg.TTL)
	if err != nil {
		return err
	}
	for _, l := range held {
		p.hold(ctx, l, end)
	}
	for l, r := range p.runs {
		if !slices.Contains(held, l) {
			r.stop(errLost)
		}
	}
	end = p.end()
	acquired, surplus, err := p.cfg.Leases.Acquire(ctx, p.cfg.TTL)
	if err != nil {
		return err
	}
	for _, l := range acquired {
		p.hold(ctx, l, end)
	}
	p.release(surplus)
	return nil
}

// end returns when a writer must end whose lease is extended now.
func (p *Pool) end() time.Time { return time.Now().Add(p.cfg.TTL - p.cfg.TTL/10) }

// hold extends the writer of a lease, or starts it.
func (p *Pool) hold(ctx context.Context, l Lease, end time.Time) {
	if r, ok := p.runs[l]; ok {
		r.extend(end)
		return
	}
	ctx, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	r := &run{pool: p, lease: l, ctx: ctx, stop: stop}
	r.expiry = time.AfterFunc(time.Until(end), func() { stop(errExpired) })
	p.runs[l] = r
	go func() {
		r.run(ctx)
		p.ended <- r
	}()
}

// release ends so many writers, those of the highest partitions, and releases their leases. Writers
// that end already count.
func (p *Pool) release(surplus int) {
	byPartition := func(a, b Lease) int { return cmp.Compare(b.Partition, a.Partition) }
	var running []*run
	for _, l := range slices.SortedFunc(maps.Keys(p.runs), byPartition) {
		if r := p.runs[l]; r.ctx.Err() == nil {
			running = append(running, r)
		} else {
			surplus--
		}
	}
	for _, r := range running[:min(max(surplus, 0), len(running))] {
		r.stop(errReleased)
	}
}

// shutdown releases all partitions, and returns after the last writer has ended.
func (p *Pool) shutdown(ctx context.Context) {
	// First, so that the others' shares have room for what is released.
	bounded, cancel := context.WithTimeout(ctx, p.cfg.TTL/3)
	defer cancel()
	if err := p.cfg.Leases.Leave(bounded); err != nil {
		p.cfg.Logger.Warn("share of partitions not given up: it expires", "error", err)
	}
	for _, r := range p.runs {
		r.stop(errReleased)
	}
	for len(p.runs) > 0 {
		r := <-p.ended
		delete(p.runs, r.lease)
	}
}
