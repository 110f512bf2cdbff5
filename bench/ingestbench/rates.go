package ingestbench

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/internal/convert"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// rate is what one run has measured.
type rate struct {
	perSecond float64
	used      usage
	// caughtUp is how long the writers took after the last answer until all was written.
	caughtUp time.Duration
}

// rates sends events as fast as they are answered: to the handler that does nothing, single ones, random ones and
// batches, in turn, so that what else the machine does hits all of them.
func (b *bench) rates(ctx context.Context, r *report) error {
	kinds, closeAll, err := b.kinds(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	measured := map[string][]rate{}
	for n := range b.cfg.Runs {
		for _, kind := range kinds {
			if err := b.say("run %d of %d: %s", n+1, b.cfg.Runs, kind.name); err != nil {
				return err
			}
			got, err := b.rate(ctx, kind)
			if err != nil {
				return err
			}
			measured[kind.name] = append(measured[kind.name], got)
		}
	}
	reportRates(r, b.cfg, measured)
	return nil
}

// kind is a kind of requests. site is nil for the handler that does nothing.
type kind struct {
	name string
	shot shot
	site *site
}

// kinds returns the kinds of requests of the configured cases.
func (b *bench) kinds(ctx context.Context) (all []kind, closeAll func(), err error) {
	var senders []*sender
	open := func(address, path string) *sender {
		s := newSender(address, path, b.cfg.Connections)
		senders = append(senders, s)
		return s
	}
	closeAll = func() {
		for _, s := range senders {
			s.close()
		}
	}
	same := visitors{domain: domainOf(CaseSingle), count: b.cfg.Visitors, agents: b.agents}
	for _, name := range b.cfg.Cases {
		s := b.sites[name]
		switch name {
		case CaseSingle:
			all = append(all, kind{roleNoop, singles(open(b.run.noop.Address(), eventPath), same), nil},
				kind{name, singles(open(b.run.serverAddress, eventPath), s.visitors), s})
		case CaseRandom:
			all = append(all, kind{name, singles(open(b.run.serverAddress, eventPath), s.visitors), s})
		case CaseBatch:
			_, key, err := ingeststore.New(b.store.Store).CreateKey(ctx, domainOf(name), "bench")
			if err != nil {
				return nil, closeAll, err
			}
			to := open(b.run.serverAddress, batchPath)
			to.key = key.Reveal()
			all = append(all, kind{name, batches(to, s.visitors, b.cfg.Batch), s})
		}
	}
	return all, closeAll, nil
}

// Paths of the server.
const (
	eventPath = "/api/event"
	batchPath = "/api/events"
)

// warmUp is how long requests are sent before a run counts.
const warmUp = time.Second

// rate measures one run, after everything before it was written.
func (b *bench) rate(ctx context.Context, k kind) (rate, error) {
	if _, err := b.drained(ctx); err != nil {
		return rate{}, err
	}
	s := k.site
	if s == nil {
		s = &site{}
	}
	var warm, t tally
	s.next, _ = flood(ctx, b.cfg.Connections, k.shot, s.next, warmUp, 0, &warm)
	warm.noteIn(s)
	before, err := b.run.usage()
	if err != nil {
		return rate{}, err
	}
	var took time.Duration
	s.next, took = flood(ctx, b.cfg.Connections, k.shot, s.next, b.cfg.Length, 0, &t)
	t.noteIn(s)
	after, err := b.run.usage()
	if err != nil {
		return rate{}, err
	}
	caughtUp, err := b.drained(ctx)
	if err != nil {
		return rate{}, err
	}
	written, err := b.run.usage()
	if err != nil {
		return rate{}, err
	}
	// Writers and ClickHouse yield to the others, so that part of their work is still to do.
	after.worker, after.engine = written.worker, written.engine
	accepted := t.accepted.Load()
	return rate{float64(accepted) / took.Seconds(), after.each(before, accepted), caughtUp}, ctx.Err()
}

// Goals of the rates.
const (
	goalSingle = 0.45
	goalRandom = 0.7
	goalBatch  = 4
	// goalLog is processor time of the event log for an event, in microseconds.
	goalLog = 30
)

// reportRates adds the medians, and those of the ratios of the same run.
func reportRates(r *report, cfg Config, measured map[string][]rate) {
	for _, one := range []struct {
		name, reference string
		goal            float64
	}{{CaseSingle, roleNoop, goalSingle}, {CaseRandom, CaseSingle, goalRandom}, {CaseBatch, CaseSingle, goalBatch}} {
		if !cfg.has(one.name) {
			continue
		}
		ours, theirs := measured[one.name], measured[one.reference]
		perSecond := func(x rate) float64 { return x.perSecond }
		l := line{Case: one.name, Figure: "events a second", Unit: figures.Whole, Value: medianOf(ours, perSecond)}
		if len(theirs) == len(ours) {
			ratios := make([]float64, len(ours))
			for i := range ours {
				ratios[i] = ours[i].perSecond / theirs[i].perSecond
			}
			l.Compare(one.reference, medianOf(theirs, perSecond), figures.Median(ratios))
		}
		r.Add(l.AtLeast(one.goal))
		for _, each := range costs {
			l := line{
				Case: one.name, Figure: "processor of " + each.name + ", an event", Unit: figures.Microseconds,
				Value: medianOf(ours, func(x rate) float64 { return each.of(x.used) }),
			}
			if noop := measured[roleNoop]; each.noop != nil && len(noop) > 0 {
				reference := medianOf(noop, func(x rate) float64 { return each.noop(x.used) })
				l.Compare("for the no-op handler", reference, l.Value/reference)
			}
			if each.goal > 0 {
				l = l.ValueAtMost(each.goal)
			}
			r.Add(l)
		}
		r.Add(line{
			Case: one.name, Figure: "until all is written", Unit: figures.Seconds,
			Value: medianOf(ours, func(x rate) float64 { return x.caughtUp.Seconds() }),
		})
	}
}

// costs are the processes that an event costs processor time, and what the handler that does nothing costs instead.
var costs = []struct {
	name     string
	of, noop func(u usage) float64
	goal     float64
}{
	{"the log", func(u usage) float64 { return u.log }, nil, goalLog},
	{
		"the server", func(u usage) float64 { return u.server }, func(u usage) float64 { return u.noop }, 0,
	},
	{"the writer", func(u usage) float64 { return u.worker }, nil, 0},
	{"ClickHouse", func(u usage) float64 { return u.engine }, nil, 0},
	{
		"the clients", func(u usage) float64 { return u.clients }, func(u usage) float64 { return u.clients }, 0,
	},
}

func medianOf(all []rate, of func(rate) float64) float64 {
	return figures.Median(convert.Slice(all, of))
}
