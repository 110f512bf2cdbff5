package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows/delivery"
)

// sink is a destination that remembers what it was given.
type sink struct {
	name    string
	options destinations.Options
	actions []destinations.Action

	mu sync.Mutex
	// taken counts what was delivered, by the jobs' IDs.
	taken map[string]int
}

var _ destinations.Destination = (*sink)(nil)

func (s *sink) Name() string                   { return s.name }
func (s *sink) Label() string                  { return "Sink" }
func (s *sink) Options() destinations.Options  { return s.options }
func (s *sink) Actions() []destinations.Action { return s.actions }

func (s *sink) take(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[id]++
}

// counts returns how many jobs were delivered, and how many of them more than once.
func (s *sink) counts() (jobs, twice int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.taken {
		if n > 1 {
			twice++
		}
	}
	return len(s.taken), twice
}

// sinkAction is an action of a sink. What it does with a job is in the job's data.
type sinkAction struct {
	sink     *sink
	name     string
	schedule destinations.Schedule
	// fault, if set, returns the error of the connection, nil while it works.
	fault func() error
	// hang is waited for before anything is delivered, if set.
	hang chan struct{}
	// then follows from a success.
	then []destinations.Next
}

// sinkData is the data of a job.
type sinkData struct {
	// Fail is how many attempts fail. Bad discards the job.
	Fail int  `json:"fail,omitempty"`
	Bad  bool `json:"bad,omitempty"`
}

var _ destinations.Action = (*sinkAction)(nil)

func (a *sinkAction) Name() string                     { return a.name }
func (a *sinkAction) Schedule() *destinations.Schedule { return &a.schedule }

func (a *sinkAction) Marshal(
	_ context.Context, _ *destinations.Toolkit, e destinations.Event,
) (*destinations.Job, error) {
	return &destinations.Job{Data: e.Data}, nil
}

func (a *sinkAction) Load(
	ctx context.Context, _ *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	if a.hang != nil {
		select {
		case <-a.hang:
		case <-ctx.Done():
			report(destinations.Then{Error: errors.New("it hangs"), Untried: true})
			return
		}
	}
	for job := range q.Jobs() {
		then := destinations.Then{Jobs: []string{job.ID}, OnSucceeded: a.then}
		var data sinkData
		switch err := json.Unmarshal(job.Data, &data); {
		case a.fault != nil && a.fault() != nil:
			then.Error = a.fault()
		case err != nil || data.Bad:
			then.Error, then.ForceDiscard = errors.New("the job is bad"), true
		case job.Attempt <= data.Fail:
			then.Error = errors.New("come again")
		default:
			a.sink.take(job.ID)
		}
		report(then)
	}
}

// realtime is a schedule that loads at once, and tries again soon.
func realtime() destinations.Schedule {
	return destinations.Schedule{
		Realtime: true, MaxRetries: destinations.Retries(2), InitialBackoff: 100 * time.Millisecond, MaxBackoff: time.Second,
	}
}

// newSink is a sink with the actions.
func newSink(name string, actions ...*sinkAction) *sink {
	s := &sink{name: name, taken: map[string]int{}}
	for _, a := range actions {
		a.sink = s
		s.actions = append(s.actions, a)
	}
	return s
}

// delivering is all of Sluice with destinations and a worker.
type delivering struct {
	*system
	*deliveryclient.Client
	stop func()
}

// setupSinks starts a worker that knows the sinks.
func setupSinks(t *testing.T, sinks ...*sink) *delivering {
	t.Helper()
	s := setup(t)
	registry := destinations.NewRegistry()
	for _, one := range sinks {
		registry.Register(one)
	}
	s.Tune = func(cfg *worker.Config) {
		cfg.Destinations = registry
		cfg.Circuit = deliverystore.CircuitRule{Threshold: 2, First: 300 * time.Millisecond, Max: time.Second}
	}
	service, err := deliveryclient.New(deliveryclient.Config{
		Temporal: s.Temporal, Store: s.Store, Registry: registry, AnswerTimeout: 30 * time.Second,
	})
	require.NoError(t, err)
	d := &delivering{system: s, Client: service}
	d.stop = s.StartWorker(t)
	return d
}

// send sends an event to an action and returns its job.
func (d *delivering) send(ref deliveryacts.ActionRef, data sinkData) string {
	d.t.Helper()
	id, err := d.trySend(enginetest.Context(d.t), ref, data)
	require.NoError(d.t, err)
	return id
}

// trySend is send for goroutines other than the test's.
func (d *delivering) trySend(ctx context.Context, ref deliveryacts.ActionRef, data sinkData) (string, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return "", err
	}
	added, err := d.AddEvent(ctx, deliveryclient.EventRequest{
		Source: "shop", Name: "order", Data: text, To: []deliveryacts.ActionRef{ref},
	})
	if err == nil && len(added.Jobs) != 1 {
		err = fmt.Errorf("%d jobs of event %s: want 1", len(added.Jobs), added.Event.ID)
	}
	if err != nil {
		return "", err
	}
	return added.Jobs[0], nil
}

// wait waits until a job is in a state, and returns its way there.
func (d *delivering) wait(id, state string) (way []string) {
	d.t.Helper()
	ctx := enginetest.Context(d.t)
	require.EventuallyWithT(d.t, func(collect *assert.CollectT) {
		job, err := d.Store.Deliveries.Job(ctx, id)
		require.NoError(collect, err)
		require.Equal(collect, state, job.State, string(job.LastError))
	}, 30*time.Second, 20*time.Millisecond)
	transitions, err := d.Store.Deliveries.TransitionsOf(ctx, id)
	require.NoError(d.t, err)
	for _, tr := range transitions {
		way = append(way, tr.StateAfter)
	}
	return way
}

// waitState waits until the query state is as the condition wants it.
func (d *delivering) waitState(ref deliveryacts.ActionRef, is func(delivery.ActionState) bool) delivery.ActionState {
	d.t.Helper()
	var now delivery.ActionState
	require.EventuallyWithT(d.t, func(collect *assert.CollectT) {
		var err error
		now, err = d.State(enginetest.Context(d.t), ref)
		require.NoError(collect, err)
		require.True(collect, is(now), "%+v", now)
	}, time.Minute, 20*time.Millisecond)
	return now
}
