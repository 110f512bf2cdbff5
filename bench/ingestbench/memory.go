package ingestbench

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/bench/workerprocess"
)

const (
	// sampleInterval is how often the memory is looked at.
	sampleInterval = time.Second
	// memoryParts is in how many parts the events are divided: the last is compared with the second, because the
	// first one fills caches.
	memoryParts = 5
	// goalMemory is the growth that counts as flat.
	goalMemory = 1.15
)

// sample is the memory of the processes when so many events were sent, in MiB.
type sample struct {
	sent                int64
	server, log, worker float64
}

// memory sends many single events as fast as they are answered.
func (b *bench) memory(ctx context.Context, r *report) error {
	s := b.sites[CaseMemory]
	if err := b.say("%d events, with a look at the memory", b.cfg.Events); err != nil {
		return err
	}
	to := newSender(b.run.serverAddress, eventPath, b.cfg.Connections)
	defer to.close()
	var t tally
	sending, end := context.WithCancel(ctx)
	defer end()
	first, done := s.next, make(chan struct{})
	var took time.Duration
	go func() {
		defer close(done)
		s.next, took = flood(sending, b.cfg.Connections, singles(to, s.visitors), first, forever, b.cfg.Events, &t)
	}()
	samples, err := b.sample(done, &t)
	end()
	<-done
	t.noteIn(s)
	if err != nil {
		return err
	}
	r.Add(line{
		Case: CaseMemory, Figure: "events a second", Unit: figures.Whole, Value: float64(t.accepted.Load()) / took.Seconds(),
	})
	for _, one := range []struct {
		name string
		of   func(sample) float64
	}{
		{"server", func(s sample) float64 { return s.server }},
		{"event log", func(s sample) float64 { return s.log }},
		{"worker", func(s sample) float64 { return s.worker }},
	} {
		early, late := part(samples, b.cfg.Events, 1, one.of), part(samples, b.cfg.Events, memoryParts-1, one.of)
		l := line{
			Case: CaseMemory, Figure: "memory of the " + one.name + ", last fifth", Unit: figures.Mebibytes, Value: late,
		}
		l.Compare("second fifth", early, late/early)
		r.Add(l.AtMost(goalMemory))
	}
	return ctx.Err()
}

// forever is longer than any run.
const forever = 24 * time.Hour

// sample looks at the memory of the processes until the events are sent.
func (b *bench) sample(done <-chan struct{}, t *tally) ([]sample, error) {
	ticker := time.NewTicker(sampleInterval)
	defer ticker.Stop()
	var all []sample
	for {
		select {
		case <-done:
			return all, nil
		case <-ticker.C:
		}
		now := sample{sent: t.accepted.Load() + t.dropped.Load() + t.failed.Load()}
		for _, one := range []struct {
			process *workerprocess.Worker
			into    *float64
		}{{b.run.server, &now.server}, {b.run.log, &now.log}, {b.run.worker, &now.worker}} {
			var err error
			if *one.into, err = one.process.ResidentMiB(); err != nil {
				return nil, err
			}
		}
		all = append(all, now)
	}
}

// part returns the median memory of a part of the events, counted from 0.
func part(samples []sample, events int64, number int, of func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		if min(int(s.sent*memoryParts/events), memoryParts-1) == number {
			values = append(values, of(s))
		}
	}
	return figures.Median(values)
}
