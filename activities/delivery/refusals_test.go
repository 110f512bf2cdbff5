package delivery_test

import (
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// An action that this worker does not have may be known to a newer one: its activities are retried, and say why.
func TestUnknownAction(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	yes := true
	for name, call := range map[string]func() error{
		"drain": func() error {
			_, err := run[delivery.Drained](d, d.Drain, delivery.DrainRequest{StatusRequest: about("delete", false), Seconds: 1})
			return err
		},
		"settings": func() error {
			_, err := run[delivery.ActionStatus](d, d.Apply, delivery.SettingsChange{StatusRequest: about("delete", false), Paused: &yes})
			return err
		},
		"trigger": func() error {
			_, err := run[delivery.ActionStatus](d, d.Apply, delivery.SettingsChange{StatusRequest: about("delete", false), TryNow: true})
			return err
		},
	} {
		var app *temporal.ApplicationError
		require.ErrorAs(t, call(), &app, name)
		require.Equal(t, `crm: unknown action "delete" (want audit, upsert)`, app.Message(), name)
		require.False(t, app.NonRetryable(), name)
	}
	// A worker whose producer does not run passes drains on to others.
	stopped := &delivery.Destinations{Store: d.Store, Registry: d.Registry, Versions: d.Versions, Logger: d.Logger}
	_, err := run[delivery.Drained](d, stopped.Drain, delivery.DrainRequest{StatusRequest: about("upsert", false), Seconds: 1})
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, "the producer of this worker has stopped", app.Message())
	require.False(t, app.NonRetryable())
}

// Settings that another release has stored and this one cannot use are ignored; realtime and a rate take effect.
func TestStoredSettings(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	wrong, yes, rate := "@every day", true, 50.0
	_, err := d.Store.SaveSettings(d.ctx, deliverystore.ChangedSettings{Destination: "crm", Action: "audit", Interval: &wrong})
	require.NoError(t, err)
	status, err := run[delivery.ActionStatus](d, d.NextDue, about("audit", false))
	require.NoError(t, err)
	require.Equal(t, "0 3 * * *", status.Plan.Interval)
	none := ""
	status, err = run[delivery.ActionStatus](d, d.Apply, delivery.SettingsChange{
		StatusRequest: about("audit", false), Interval: &none, Realtime: &yes, Rate: &rate,
	})
	require.NoError(t, err)
	require.Equal(t, []any{true, 50.0, "0 3 * * *"}, []any{status.Plan.Realtime, status.Plan.RatePerSecond, status.Plan.Interval})
	d.add("audit", 8)
	// A batch of 5, and after its time the rest; an idle drain reports in between.
	for succeeded := 0; succeeded < 8; {
		succeeded += int(d.drain("audit", false).Succeeded)
		require.LessOrEqual(t, succeeded, 8)
	}

	// A connection whose endpoint is gone is paused, and named with the reason.
	_, gone := destinations.JudgeAnswer(http.StatusGone, errors.New("the endpoint answered 410 Gone"))
	d.mu.Lock()
	d.then = destinations.Then{Error: gone}
	d.mu.Unlock()
	d.addTo(deliverystore.ConnectionNotify, 2)
	status = d.drain("upsert", false).ActionStatus
	require.Len(t, status.Unhealthy, 1)
	require.Equal(t, []string{deliverystore.ConnectionNotify, deliverystore.ConnectionPaused}, []string{status.Unhealthy[0].Connection, status.Unhealthy[0].State})
	require.Equal(t, "the endpoint answered 410 Gone: it is permanently gone", status.Unhealthy[0].Reason)
}

// Each result of a job is counted as what it is.
func TestDrainCounts(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.Observer = nil
	fault := errors.New("no")
	for name, test := range map[string]struct {
		then destinations.Then
		want delivery.JobCounts
	}{
		"discarded": {destinations.Then{Error: fault, ForceDiscard: true}, delivery.JobCounts{Discarded: 1}},
		"unknown":   {destinations.Then{Error: fault, Unknown: true}, delivery.JobCounts{Unknown: 1}},
		"untried":   {destinations.Then{Error: fault, Untried: true, RetryAfter: time.Hour}, delivery.JobCounts{Untried: 1}},
	} {
		d.mu.Lock()
		d.then = test.then
		d.mu.Unlock()
		d.add("upsert", 1)
		require.Equal(t, test.want, d.drain("upsert", false).JobCounts, name)
	}
}

// heartbeating runs a drain as the next attempt of one that has reported results.
func (d *deliveries) heartbeating(details any, stop chan struct{}) (drained delivery.Drained, err error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(d.Drain)
	env.SetHeartbeatDetails(details)
	if stop != nil {
		env.SetWorkerStopChannel(stop)
	}
	value, err := env.ExecuteActivity(d.Drain, delivery.DrainRequest{StatusRequest: about("upsert", false), Seconds: 3600})
	if err == nil {
		err = value.Get(&drained)
	}
	return drained, err
}

// The results of an attempt that was lost count in the next one, and a drain ends with its worker, after the batches in
// flight.
func TestDrainContinues(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.add("upsert", 2)
	drained, err := d.heartbeating(delivery.Drained{JobCounts: delivery.JobCounts{Succeeded: 3, Failed: 1}, Claimed: 4, Batches: 1}, nil)
	require.NoError(t, err)
	require.Equal(t, []any{delivery.JobCounts{Succeeded: 5, Failed: 1}, 6, 2}, []any{drained.JobCounts, drained.Claimed, drained.Batches})
	d.add("upsert", 1)
	drained, err = d.heartbeating("no result", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, drained.Succeeded)

	d.hang = make(chan struct{})
	d.addTo("slow", 1)
	stop, ended := make(chan struct{}), make(chan delivery.Drained, 1)
	go func() {
		drained, err := d.heartbeating(nil, stop)
		if err == nil {
			ended <- drained
		}
		close(ended)
	}()
	d.until(func() bool {
		n, err := d.Store.CountJobs(d.ctx, deliverystore.JobFilter{States: []string{deliverystore.JobExecuting}})
		return err == nil && n == 1
	})
	close(stop)
	close(d.hang)
	drained, ok := <-ended
	require.True(t, ok)
	require.EqualValues(t, 1, drained.Succeeded)
}

// A later drain of an action, as after a lost worker, takes over from the earlier one, which ends.
func TestDrainTakesOver(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.ReportIdle = time.Hour
	d.add("upsert", 1)
	first := d.background("upsert", time.Hour)
	d.until(func() bool { return d.count() == 1 })
	second := d.background("upsert", time.Hour)
	require.EqualValues(t, 1, first().Succeeded)
	d.add("upsert", 1)
	d.until(func() bool { return d.count() == 2 })
	require.NoError(t, d.Store.Pause(d.ctx, "crm", "upsert", "ann"))
	require.EqualValues(t, 1, second().Succeeded)
}
