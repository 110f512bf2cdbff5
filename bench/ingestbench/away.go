package ingestbench

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/bench/openloop"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/internal/delay"
)

const (
	// settled is how long events are sent before ClickHouse is killed.
	settled = 5 * time.Second
	// goalAway is how long the writers may take after ClickHouse's return, in seconds.
	goalAway = 120
)

// errEnough ends the sending.
var errEnough = errors.New("enough events are sent")

// away kills ClickHouse, starts it again after a while, and measures how long the writers take to write what was
// accepted meanwhile. Events keep coming until the writers have written what was in the log at its return; then they
// write the rest.
func (b *bench) away(ctx context.Context, r *report) error {
	s := b.sites[CaseAway]
	to := newSender(b.run.serverAddress, eventPath, b.cfg.Senders)
	defer to.close()
	var t tally
	enough := make(chan struct{})
	group, sending := errgroup.WithContext(ctx)
	plan := openloop.Schedule{Start: time.Now(), Rate: b.cfg.Rate}
	n := plan.Within(settled + b.cfg.Away + b.cfg.Patience)
	first, one := s.next, singles(to, s.visitors)
	var took []time.Duration
	group.Go(func() error {
		var err error
		took, err = openloop.Run(sending, plan, n, b.cfg.Senders, func(_ context.Context, no int64) error {
			select {
			case <-enough:
				return errEnough
			default:
			}
			_, a := one.send(nil, first+no)
			t.add(a)
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	outage, err := b.outage(sending)
	close(enough)
	err = errors.Join(err, group.Wait())
	s.next += n
	t.noteIn(s)
	if err != nil {
		return err
	}
	stopped := time.Now()
	if _, err := b.drained(ctx); err != nil {
		return err
	}
	outage.report(r, b.cfg, time.Since(stopped), openloop.SpreadOf(sent(took)))
	return nil
}

// sent returns the times of the events that were sent.
func sent(took []time.Duration) []time.Duration {
	var all []time.Duration
	for _, d := range took {
		if d > 0 {
			all = append(all, d)
		}
	}
	return all
}

// outage is what an outage of ClickHouse has caused.
type outage struct {
	// atReturn is the backlog when it was back.
	atReturn backlog
	// caughtUp is how long after its return the writers had written what was in the log by then, while events
	// kept coming.
	caughtUp time.Duration
}

func (b *bench) outage(ctx context.Context) (o outage, err error) {
	if err := delay.Wait(ctx, settled); err != nil {
		return o, err
	}
	if err := b.say("ClickHouse is away for %s, %.0f events a second", b.cfg.Away, b.cfg.Rate); err != nil {
		return o, err
	}
	if err := b.run.engine.Kill(); err != nil {
		return o, err
	}
	b.run.engine = nil
	if err := delay.Wait(ctx, b.cfg.Away); err != nil {
		return o, err
	}
	// It ends with the benchmark, not with the sending.
	b.run.engine, err = workerprocess.StartAt(context.WithoutCancel(ctx), b.run.clickhouse)
	if err != nil {
		return o, err
	}
	if o.atReturn, err = b.backlog(ctx); err != nil {
		return o, err
	}
	if err := b.say("ClickHouse is back; %d messages are not written", o.atReturn.messages); err != nil {
		return o, err
	}
	o.caughtUp, err = b.await(ctx, "the writers have caught up", func(l backlog) bool { return l.passed(o.atReturn) })
	return o, err
}

// report reports the outage. The drain is the time that the writers took once no events came.
func (o outage) report(r *report, cfg Config, drain time.Duration, answers openloop.Spread) {
	l := line{
		Case: CaseAway, Figure: "lag 0 after the return", Unit: figures.Seconds, Value: (o.caughtUp + drain).Seconds(),
	}
	l.Compare("time away", cfg.Away.Seconds(), l.Value/cfg.Away.Seconds())
	r.Add(l.ValueAtMost(goalAway))
	r.Add(line{
		Case: CaseAway, Figure: "what waited at the return is written", Unit: figures.Seconds, Value: o.caughtUp.Seconds(),
	})
	r.Add(line{
		Case: CaseAway, Figure: "messages behind at the return", Unit: figures.Whole, Value: float64(o.atReturn.messages),
	})
	r.Add(line{Case: CaseAway, Figure: "p99 of an answer", Unit: figures.Milliseconds, Value: answers.P99})
}
