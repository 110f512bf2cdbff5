package ingestbench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/bench/openloop"
)

// latency sends single events at a rate, to the handler that does nothing and to the server. A time counts from
// when the request was to be sent.
func (b *bench) latency(ctx context.Context, r *report) error {
	if _, err := b.drained(ctx); err != nil {
		return err
	}
	synced, err := probeSync(b.run.dir)
	if err != nil {
		return err
	}
	s := b.sites[CaseLatency]
	noop, err := b.paced(ctx, b.run.noop.Address(), &site{visitors: s.visitors})
	if err != nil {
		return err
	}
	ours, err := b.paced(ctx, b.run.serverAddress, s)
	if err != nil {
		return err
	}
	limit := noop.P99 + 10*synced.P50 + 5
	p99 := line{Case: CaseLatency, Figure: "p99 of an answer", Unit: figures.Milliseconds, Value: ours.P99}
	p99.Compare("no-op p99 + 10 fsync p50 + 5 ms", limit, ours.P99/limit)
	r.Add(p99.AtMost(1))
	p50 := line{Case: CaseLatency, Figure: "p50 of an answer", Unit: figures.Milliseconds, Value: ours.P50}
	p50.Compare("no-op p50", noop.P50, ours.P50/noop.P50)
	r.Add(p50)
	r.Add(line{Case: CaseLatency, Figure: "p99 of the no-op handler", Unit: figures.Milliseconds, Value: noop.P99})
	r.Add(line{Case: CaseLatency, Figure: "fsync, p50", Unit: figures.Milliseconds, Value: synced.P50})
	r.Add(line{Case: CaseLatency, Figure: "fsync, p99", Unit: figures.Milliseconds, Value: synced.P99})
	return nil
}

// paced sends events of a site at the rate.
func (b *bench) paced(ctx context.Context, address string, s *site) (openloop.Spread, error) {
	to := newSender(address, eventPath, b.cfg.Senders)
	defer to.close()
	if err := b.say("%.0f events a second to %s", b.cfg.Rate, address); err != nil {
		return openloop.Spread{}, err
	}
	plan := openloop.Schedule{Start: time.Now().Add(100 * time.Millisecond), Rate: b.cfg.Rate}
	warm, n := plan.Within(b.cfg.WarmUp), plan.Within(b.cfg.WarmUp+b.cfg.Length)
	var t tally
	one, first := singles(to, s.visitors), s.next
	took, err := openloop.Run(ctx, plan, n, b.cfg.Senders, func(_ context.Context, no int64) error {
		_, a := one.send(nil, first+no)
		t.add(a)
		return nil
	})
	s.next += n
	t.noteIn(s)
	return openloop.SpreadOf(took[min(warm, n):]), err
}

const (
	// syncs is how often the probe syncs, syncBytes how many bytes it has written before: those of a small commit.
	syncs     = 200
	syncBytes = 4096
)

// probeSync measures how long the disk of a folder takes to sync a file that has grown.
func probeSync(dir string) (spread openloop.Spread, err error) {
	f, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		return spread, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	took := make([]time.Duration, syncs)
	block := make([]byte, syncBytes)
	for i := range took {
		if _, err := f.Write(block); err != nil {
			return spread, err
		}
		begun := time.Now()
		if err := f.Sync(); err != nil {
			return spread, err
		}
		took[i] = time.Since(begun)
	}
	return openloop.SpreadOf(took), nil
}
