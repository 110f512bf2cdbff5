package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// The status of an action, its commands and a purge work after an outage of PostgreSQL that began at any of their
// statements; meanwhile they fail with an error that Temporal retries.
func TestOutagesOfCommands(t *testing.T) {
	t.Parallel()
	dsn := enginetest.MigratedStoreDSN(t)
	o := enginetest.NewStoreOutage(t, dsn)
	d := setupDeliveriesOn(t, openStore(t, dsn))
	d.add("upsert", 1) // no drain takes it
	through := &delivery.Destinations{
		Store: o.Open(t).Deliveries, Registry: d.Registry, Versions: d.Versions, Logger: d.Logger,
	}
	meet := func(call func() error) {
		t.Helper()
		o.Meet(t, call, func(n int, err error) {
			var app *temporal.ApplicationError
			require.ErrorAsf(t, err, &app, "outage at request %d", n)
			require.Falsef(t, app.NonRetryable(), "outage at request %d: %s", n, app)
		})
	}
	apply := func(change delivery.SettingsChange) {
		t.Helper()
		change.StatusRequest, change.By = about("upsert", true), "ann"
		meet(func() error {
			_, err := run[delivery.ActionStatus](d, through.Apply, change)
			return err
		})
	}
	meet(func() error {
		status, err := run[delivery.ActionStatus](d, through.NextDue, about("upsert", true))
		if err == nil {
			require.EqualValues(t, 1, status.Due)
		}
		return err
	})
	yes, rate := true, 7.5
	apply(delivery.SettingsChange{Rate: &rate})
	apply(delivery.SettingsChange{TryNow: true})
	apply(delivery.SettingsChange{TryNow: true, Paused: &yes})
	settings, err := d.Store.Settings(d.ctx, "crm")
	require.NoError(t, err)
	require.True(t, settings["upsert"].Paused)
	require.InDelta(t, rate, *settings["upsert"].Rate, 0)

	purges := &delivery.Retentions{Store: through.Store}
	request := delivery.PurgeRequest{
		Rule:     delivery.RetentionRule{KeepSeconds: 1, States: []string{deliverystore.JobAcknowledged}},
		Progress: delivery.PurgeProgress{Before: time.Now().Add(time.Hour)},
	}
	for n := range o.Requests(t) {
		progress, err := run[delivery.PurgeProgress](d, purges.PurgeEvents, request)
		if err != nil {
			require.Truef(t, o.Met(), "outage at request %d: %s", n, err)
			continue
		}
		// An attempt that was interrupted after some steps reports them.
		require.Equal(t, !o.Met(), progress.Done)
		request.Progress = progress
	}
	require.EqualValues(t, 1, request.Progress.Events)
	left, err := d.Store.CountEvents(d.ctx, deliverystore.EventFilter{})
	require.NoError(t, err)
	require.Zero(t, left)
}
