package destinations_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/sluicehq/sluice/destinations"
)

// fake is a destination whose parts are fields.
type fake struct {
	name    string
	options destinations.Options
	actions []destinations.Action
}

func (f *fake) Name() string                   { return f.name }
func (f *fake) Label() string                  { return "Fake" }
func (f *fake) Options() destinations.Options  { return f.options }
func (f *fake) Actions() []destinations.Action { return f.actions }

// action is an action whose parts are fields.
type action struct {
	name     string
	schedule *destinations.Schedule
	marshal  func(tk *destinations.Toolkit, e destinations.Event) (*destinations.Job, error)
	load     func(ctx context.Context, q *destinations.Queue, report func(destinations.Then))
}

func (a *action) Name() string                     { return a.name }
func (a *action) Schedule() *destinations.Schedule { return a.schedule }

func (a *action) Marshal(
	_ context.Context, tk *destinations.Toolkit, e destinations.Event,
) (*destinations.Job, error) {
	if a.marshal == nil {
		return &destinations.Job{Data: e.Data}, nil
	}
	return a.marshal(tk, e)
}

func (a *action) Load(
	ctx context.Context, _ *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	a.load(ctx, q, report)
}

// destination is a fake with actions of those names.
func destination(name string, actions ...string) *fake {
	f := &fake{name: name}
	for _, a := range actions {
		f.actions = append(f.actions, &action{name: a})
	}
	return f
}

// queue has jobs a, b, c and so on of events 1 and 2, in turns, at their nth attempt.
func queue(n, attempt int) *destinations.Queue {
	var jobs []destinations.QueuedJob
	for i := range n {
		jobs = append(jobs, destinations.QueuedJob{
			ID: string(rune('a' + i)), EventID: fmt.Sprint(1 + i%2), Attempt: attempt,
			Data: json.RawMessage(fmt.Sprintf(`{"no": %d}`, i)),
		})
	}
	return destinations.NewQueue(jobs, map[string]destinations.Event{
		"1": {ID: "1", Source: "shop", Context: json.RawMessage(`{"c": 1}`)}, "2": {ID: "2", Source: "shop"},
	})
}

var errNo = errors.New("no")

// must returns the value, and fails the test on an error.
func must[T any](tb testing.TB) func(value T, err error) T {
	tb.Helper()
	return func(value T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}
