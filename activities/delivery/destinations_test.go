package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// crm is a destination with the realtime action upsert and the action audit, which has a schedule.
type crm struct {
	load func(q *destinations.Queue, report func(destinations.Then))
}

func (crm) Name() string { return "crm" }

func (crm) Label() string { return "CRM" }

func (crm) Options() destinations.Options { return destinations.Options{BatchSize: 5} }

func (c crm) Actions() []destinations.Action {
	return []destinations.Action{crmAction{c, "upsert", true}, crmAction{c, "audit", false}}
}

type crmAction struct {
	crm      crm
	name     string
	realtime bool
}

func (a crmAction) Name() string { return a.name }

func (a crmAction) Schedule() *destinations.Schedule {
	return &destinations.Schedule{Realtime: a.realtime, Interval: "0 3 * * *", TimeZone: "Europe/Berlin"}
}

func (crmAction) Marshal(
	_ context.Context, _ *destinations.Toolkit, e destinations.Event,
) (*destinations.Job, error) {
	return &destinations.Job{Data: e.Data}, nil
}

func (a crmAction) Load(
	_ context.Context, _ *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	a.crm.load(q, report)
}

// deliveries is the activities of destinations on a store of the test's own.
type deliveries struct {
	*delivery.Destinations
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	loaded map[string]int
	// observed counts the jobs that the observer has received, by action and state.
	observed map[string]int
	// then is reported for every job, unless fail is set, which returns the error of a job.
	then destinations.Then
	fail func(destinations.QueuedJob) error
	// hang, if set, holds back jobs of the connection "slow" until it is closed.
	hang chan struct{}
}

func setupDeliveries(t *testing.T) *deliveries {
	t.Helper()
	return setupDeliveriesOn(t, enginetest.Store(t).Deliveries)
}

func setupDeliveriesOn(t *testing.T, s *deliverystore.Store) *deliveries {
	t.Helper()
	d := &deliveries{t: t, ctx: enginetest.Context(t), loaded: map[string]int{}, observed: map[string]int{}}
	d.Destinations = &delivery.Destinations{
		Store: s, Registry: destinations.NewRegistry(crm{d.loadJobs}), Versions: &destinations.Versions{},
		Circuit: deliverystore.CircuitRule{Threshold: 2, First: time.Hour, Max: time.Hour}, Logger: slog.New(slog.DiscardHandler),
		Observer: d, ReportIdle: 50 * time.Millisecond,
	}
	d.start(d.Destinations)
	return d
}

// start runs a producer until the end of the test.
func (d *deliveries) start(acts *delivery.Destinations) {
	ctx, stop := context.WithCancel(d.ctx)
	acts.Start(ctx)
	d.t.Cleanup(func() {
		stop()
		acts.Wait()
	})
}

// another is another process with the same store.
func (d *deliveries) another() *delivery.Destinations {
	d.t.Helper()
	return d.anotherOn(d.Store)
}

// anotherOn is another process, with its own way to the same database.
func (d *deliveries) anotherOn(s *deliverystore.Store) *delivery.Destinations {
	d.t.Helper()
	acts := &delivery.Destinations{
		Store: s, Registry: d.Registry, Versions: d.Versions, Circuit: d.Circuit, Logger: d.Logger, Observer: d,
		ReportIdle: d.ReportIdle,
	}
	d.start(acts)
	return acts
}

// Delivered counts results.
func (d *deliveries) Delivered(ref delivery.ActionRef, state string, jobs int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.observed[ref.Action+" "+state] += jobs
}

// observedJobs returns how many jobs the observer has received of an action and state, such as
// "upsert succeeded".
func (d *deliveries) observedJobs(what string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.observed[what]
}

func (d *deliveries) loadJobs(q *destinations.Queue, report func(destinations.Then)) {
	if d.hang != nil && strings.Contains(string(q.Events[0].Jobs[0].Data), "slow") {
		<-d.hang
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for job := range q.Jobs() {
		d.loaded[job.ID]++
		if d.fail != nil {
			report(destinations.Then{Jobs: []string{job.ID}, Error: d.fail(job)})
		}
	}
	if d.fail == nil {
		report(d.then)
	}
}

// addTo adds an event with jobs of upsert that use a connection.
func (d *deliveries) addTo(connection string, n int) []string {
	d.t.Helper()
	event := deliverystore.NewEvent{Source: "shop"}
	for range n {
		data := json.RawMessage(`{"connection": "` + connection + `"}`)
		event.Jobs = append(event.Jobs, deliverystore.NewJob{Destination: "crm", Action: "upsert", Data: data})
	}
	added, err := d.Store.AddEvent(d.ctx, event)
	require.NoError(d.t, err)
	return added.Jobs
}

// add adds an event with jobs of an action, without a notification.
func (d *deliveries) add(action string, n int) []string {
	d.t.Helper()
	return d.addBy(d.Store, action, n)
}

func (d *deliveries) addBy(s *deliverystore.Store, action string, n int) []string {
	d.t.Helper()
	event := deliverystore.NewEvent{Source: "shop"}
	for range n {
		event.Jobs = append(event.Jobs, deliverystore.NewJob{Destination: "crm", Action: action, Data: json.RawMessage(`{"no": 1}`)})
	}
	added, err := s.AddEvent(d.ctx, event)
	require.NoError(d.t, err)
	return added.Jobs
}

func about(action string, full bool) delivery.StatusRequest {
	return delivery.StatusRequest{
		ActionRef: delivery.ActionRef{Destination: "crm", Action: action}, Now: time.Now(), Full: full,
	}
}

// run runs an activity, as a worker does.
func run[R any](_ *deliveries, activity, in any) (result R, err error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(activity)
	value, err := env.ExecuteActivity(activity, in)
	if err == nil {
		err = value.Get(&result)
	}
	return result, err
}

func (d *deliveries) drain(action string, full bool) delivery.Drained {
	d.t.Helper()
	return d.drainFor(action, full, time.Hour)
}

func (d *deliveries) drainFor(action string, full bool, length time.Duration) delivery.Drained {
	d.t.Helper()
	request := delivery.DrainRequest{StatusRequest: about(action, full), Seconds: length.Seconds()}
	drained, err := run[delivery.Drained](d, d.Drain, request)
	require.NoError(d.t, err)
	return drained
}

// Two processes at once and twice in a row, each job is delivered once.
func TestDrainTwice(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.then = destinations.Then{OnSucceeded: []destinations.Next{{Action: "audit"}}}
	two := int32(2)
	_, err := d.Store.SaveSettings(d.ctx, deliverystore.ChangedSettings{Destination: "crm", Action: "upsert", Concurrency: &two})
	require.NoError(t, err)
	ids := d.add("upsert", 40)
	processes := []*delivery.Destinations{d.Destinations, d.another()}
	request := delivery.DrainRequest{StatusRequest: about("upsert", false), Seconds: 2}
	var both sync.WaitGroup
	drained, faults := make([]delivery.Drained, 2), make([]error, 2)
	for i, acts := range processes {
		both.Go(func() { drained[i], faults[i] = run[delivery.Drained](d, acts.Drain, request) })
	}
	both.Wait()
	require.NoError(t, errors.Join(faults...))
	require.Equal(t, 40, drained[0].Claimed+drained[1].Claimed)
	require.EqualValues(t, 40, drained[0].Succeeded+drained[1].Succeeded)
	again := d.drainFor("upsert", false, 100*time.Millisecond)
	require.Zero(t, again.Claimed)
	require.Zero(t, again.NextDue)
	require.Len(t, d.loaded, 40)
	for _, id := range ids {
		require.Equal(t, 1, d.loaded[id])
		job, err := d.Store.Job(d.ctx, id)
		require.NoError(t, err)
		require.Equal(t, deliverystore.JobSucceeded, job.State)
	}
	// Chained jobs wait for their schedule.
	require.Zero(t, d.drain("audit", false).Claimed)
	full := d.drain("audit", true)
	require.Equal(t, 40, full.Claimed)
	require.Zero(t, full.Due)
	require.Equal(t, map[string]int{"upsert succeeded": 40, "audit succeeded": 40}, d.observed)
}

// A connection that fails opens its circuit, and its jobs are retried. Jobs of another connection are
// delivered, and a job that names an unknown connection is no evidence.
func TestDrainFails(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.fail = func(job destinations.QueuedJob) error {
		switch {
		case strings.Contains(string(job.Data), "down"):
			return errors.New("out of order")
		case strings.Contains(string(job.Data), "typo"):
			return destinations.WithClass(destinations.ErrorClassOperator, connections.ErrNotFound)
		default:
			return nil
		}
	}
	for range 2 {
		d.addTo("down", 5)
		d.addTo("typo", 5)
		answer := d.drain("upsert", false)
		require.EqualValues(t, 10, answer.Failed)
	}
	d.addTo("down", 3)
	d.addTo("up", 3)
	d.addTo("typo", 1)
	answer := d.drain("upsert", false)
	require.EqualValues(t, 3, answer.Succeeded)
	require.EqualValues(t, 1, answer.Failed, "the circuit of down is open")
	require.Zero(t, answer.Due)
	require.EqualValues(t, 3, answer.Blocked)
	require.Len(t, answer.Unhealthy, 1)
	require.Equal(t, "down", answer.Unhealthy[0].Connection)
	require.Equal(t, deliverystore.ConnectionOpen, answer.Unhealthy[0].State)
	require.Equal(t, "out of order", answer.Unhealthy[0].Reason)
	require.WithinDuration(t, time.Now().Add(time.Hour), answer.Unhealthy[0].OpenUntil, time.Minute)

	// A trigger probes the connection with a job that has not failed, then delivers all of them.
	d.fail = func(destinations.QueuedJob) error { return nil }
	_, err := run[delivery.ActionStatus](d, d.Apply, delivery.SettingsChange{StatusRequest: about("upsert", false), TryNow: true})
	require.NoError(t, err)
	answer = d.drain("upsert", false)
	require.EqualValues(t, 13+11, answer.Succeeded)
	require.Empty(t, answer.Unhealthy)
}

func TestApplySettings(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	change := delivery.SettingsChange{StatusRequest: about("upsert", false), By: "ann"}
	interval, rate := "@every 5m", 2.5
	change.Interval, change.Rate = &interval, &rate
	answer, err := run[delivery.ActionStatus](d, d.Apply, change)
	require.NoError(t, err)
	require.Equal(t, "@every 5m", answer.Plan.Interval)
	require.WithinDuration(t, time.Now().Add(5*time.Minute), answer.NextRun, time.Minute)

	// The answer stays valid while the schedule is the same.
	later := about("upsert", false)
	later.Now, later.NextRun = later.Now.Add(time.Minute), answer.NextRun
	later.Interval, later.TimeZone = answer.Plan.Interval, answer.Plan.TimeZone
	same, err := run[delivery.ActionStatus](d, d.NextDue, later)
	require.NoError(t, err)
	require.Equal(t, answer.NextRun, same.NextRun)

	// Twice in a row, and concurrently.
	var both sync.WaitGroup
	faults := make([]error, 2)
	for i := range faults {
		both.Go(func() { _, faults[i] = run[delivery.ActionStatus](d, d.Apply, change) })
	}
	both.Wait()
	require.NoError(t, errors.Join(faults...))
	settings, err := d.Store.Settings(d.ctx, "crm")
	require.NoError(t, err)
	require.InDelta(t, 2.5, *settings["upsert"].Rate, 0)
	require.Equal(t, "ann", settings["upsert"].UpdatedBy)

	// An empty value restores the program's setting; an invalid one changes nothing.
	none, wrong := "", "@every day"
	change.Interval, change.Rate = &none, nil
	answer, err = run[delivery.ActionStatus](d, d.Apply, change)
	require.NoError(t, err)
	require.Equal(t, "0 3 * * *", answer.Plan.Interval)
	change.Interval = &wrong
	_, err = run[delivery.ActionStatus](d, d.Apply, change)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), "is not a duration")

	require.NoError(t, d.Store.Pause(d.ctx, "crm", "", "bob"))
	no := false
	_, err = run[delivery.ActionStatus](d, d.Apply, delivery.SettingsChange{StatusRequest: about("upsert", false), Paused: &no})
	require.ErrorContains(t, err, "paused as a whole")
	paused, err := run[delivery.ActionStatus](d, d.NextDue, about("upsert", false))
	require.NoError(t, err)
	require.True(t, paused.Plan.Paused)
	_, err = run[delivery.ActionStatus](d, d.NextDue, about("delete", false))
	require.ErrorContains(t, err, `crm: unknown action "delete"`)
}
