package ingest

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/ingest/request"
)

// Trial is what would become of the event of one domain.
type Trial struct {
	// Domain is the domain as sent.
	Domain string
	// Steps are the steps in their order, up to the one that drops the event.
	Steps []TrialStep
	// Event is the event after its last step, without what identifies the visitor.
	Event Event
}

// TrialStep is what a step does to an event. One that has neither dropped, tagged nor set anything lets it pass.
type TrialStep struct {
	// Name is the step's name. Upstream's.
	Name string
	// Dropped and Tagged are the reason for which the step drops or tags the event, or "".
	Dropped, Tagged DropReason
	// Set are the columns that the step changes, with their new values.
	Set []Column
}

// Try takes a request through the steps of BuildAndBuffer and writes nothing: no event reaches the buffer, no rate
// limit counts, no telemetry is emitted. It returns a trial for each domain, in their order. The error is of type
// request.Errors if a site refuses the request.
func (p *Pipeline) Try(ctx context.Context, r request.Request) ([]Trial, error) {
	uncounted := *p
	uncounted.config.Limiter = noLimit{}
	var observed observer
	run := run{
		pipeline: &uncounted, data: p.config.Data(), now: p.config.Now().UTC(), observe: observed.step,
	}
	result, err := run.build(ctx, r)
	if err != nil {
		return nil, err
	}
	if result.Refused != nil {
		return nil, result.Refused
	}
	for i := range observed.trials {
		list := &result.Buffered
		if t := observed.trials[i]; t.Steps[len(t.Steps)-1].Dropped != "" {
			list = &result.Dropped
		}
		observed.trials[i].Event, *list = (*list)[0], (*list)[1:]
	}
	return observed.trials, nil
}

// observer notes what the steps do to one event after another.
type observer struct {
	trials []Trial
	// before are the columns before the step, tags the number of tags.
	before []Column
	tags   int
}

func (o *observer) step(name string, e *Event) {
	if name == stepSpamReferrer {
		o.trials = append(o.trials, Trial{Domain: e.Domain})
		o.before, o.tags = (&Event{}).Columns(), 0
	}
	s := TrialStep{Name: name}
	if e.Dropped {
		s.Dropped = e.DropReason
	}
	if len(e.Tags) > o.tags {
		s.Tagged, o.tags = e.Tags[len(e.Tags)-1], len(e.Tags)
	}
	after := e.Columns()
	for i, column := range after {
		if column.Text() != o.before[i].Text() {
			s.Set = append(s.Set, column)
		}
	}
	o.before = after
	t := &o.trials[len(o.trials)-1]
	t.Steps = append(t.Steps, s)
}

// noLimit is a limiter that admits everything.
type noLimit struct{}

// Allow counts nothing.
func (noLimit) Allow(context.Context, string, int, time.Duration) (bool, error) { return true, nil }

var _ Limiter = noLimit{}
