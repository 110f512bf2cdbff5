package delivery_test

import (
	"testing"
	"time"

	pgx "github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// A job without a notification is delivered after the next poll, also when the connections for claims and
// for notifications have been lost.
func TestLostNotification(t *testing.T) {
	t.Parallel()
	dsn := enginetest.MigratedStoreDSN(t)
	d := setupDeliveriesOn(t, openStore(t, dsn))
	d.ReportIdle = time.Hour
	result := d.background("upsert", time.Hour)
	d.add("upsert", 1)
	d.until(func() bool { return d.count() == 1 })

	db, err := pgx.Connect(d.ctx, dsn)
	require.NoError(t, err)
	var ended int
	require.NoError(t, db.QueryRow(d.ctx, `SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()) t`).Scan(&ended))
	require.Positive(t, ended)
	require.NoError(t, db.Close(d.ctx))
	direct := openStore(t, dsn)
	d.addBy(direct, "upsert", 1)
	d.until(func() bool { return d.count() == 2 })
	require.NoError(t, direct.Pause(d.ctx, "crm", "upsert", "ann"))
	require.EqualValues(t, 2, result().Succeeded)
}

// After an outage of PostgreSQL jobs are delivered again, by the same drain.
func TestStoreOutage(t *testing.T) {
	t.Parallel()
	dsn := enginetest.MigratedStoreDSN(t)
	proxy, through := enginetest.NewProxy(t, dsn)
	d := setupDeliveriesOn(t, openStore(t, through))
	direct := openStore(t, dsn)
	d.ReportIdle = time.Hour
	result := d.background("upsert", time.Hour)
	d.add("upsert", 1)
	d.until(func() bool { return d.count() == 1 })

	proxy.Cut()
	d.addBy(direct, "upsert", 1)
	require.Never(t, func() bool { return d.count() > 1 }, 2*time.Second, 50*time.Millisecond)
	proxy.Restore()
	d.until(func() bool { return d.count() == 2 })
	require.NoError(t, direct.Pause(d.ctx, "crm", "upsert", "ann"))
	require.EqualValues(t, 2, result().Succeeded)
}

// A drain fails when its producer does not reach PostgreSQL: a worker that does takes it.
func TestStalledProducer(t *testing.T) {
	t.Parallel()
	dsn := enginetest.MigratedStoreDSN(t)
	proxy, through := enginetest.NewProxy(t, dsn)
	d := setupDeliveriesOn(t, openStore(t, through))
	d.ReportIdle, d.MaxPollGap = time.Hour, 2*time.Second
	request := delivery.DrainRequest{StatusRequest: about("upsert", false), Seconds: time.Hour.Seconds()}
	failed := make(chan error, 1)
	go func() {
		_, err := run[delivery.Drained](d, d.Drain, request)
		failed <- err
	}()
	d.add("upsert", 1)
	d.until(func() bool { return d.count() == 1 })
	proxy.Cut()
	require.ErrorContains(t, <-failed, "does not reach PostgreSQL")

	direct := openStore(t, dsn)
	d.addBy(direct, "upsert", 1)
	other := d.anotherOn(direct)
	other.ReportIdle = time.Millisecond
	drained, err := run[delivery.Drained](d, other.Drain, request)
	require.NoError(t, err)
	require.EqualValues(t, 1, drained.Succeeded)
}

// A realtime action is served between two drains. The second one reports what was delivered meanwhile.
func TestBetweenDrains(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.add("upsert", 1)
	require.EqualValues(t, 1, d.drain("upsert", false).Succeeded)
	d.add("upsert", 1)
	require.NoError(t, d.Store.NotifyJobs(d.ctx, []deliverystore.ActionName{{Destination: "crm", Action: "upsert"}}))
	d.until(func() bool { return d.observedJobs("upsert succeeded") == 2 })
	require.EqualValues(t, 1, d.drain("upsert", false).Succeeded)
}

// Jobs whose events cannot be read go back, and are delivered later. It costs them no attempt.
func TestUnreadableEvents(t *testing.T) {
	t.Parallel()
	dsn := enginetest.MigratedStoreDSN(t)
	d := setupDeliveriesOn(t, openStore(t, dsn))
	ids := d.add("upsert", 1)
	db, err := pgx.Connect(d.ctx, dsn)
	require.NoError(t, err)
	_, err = db.Exec(d.ctx, "ALTER TABLE events RENAME TO events_away")
	require.NoError(t, err)
	result := d.background("upsert", time.Hour)
	d.until(func() bool {
		job, err := d.Store.Job(d.ctx, ids[0])
		return err == nil && job.State == deliverystore.JobAwaiting
	})
	_, err = db.Exec(d.ctx, "ALTER TABLE events_away RENAME TO events")
	require.NoError(t, err)
	require.NoError(t, db.Close(d.ctx))
	require.EqualValues(t, 1, result().Succeeded)
	job, err := d.Store.Job(d.ctx, ids[0])
	require.NoError(t, err)
	require.EqualValues(t, 1, job.Attempt)
}

func openStore(t *testing.T, dsn string) *deliverystore.Store {
	t.Helper()
	ctx := enginetest.Context(t)
	s, err := store.Open(ctx, store.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return deliverystore.New(s, nil)
}
