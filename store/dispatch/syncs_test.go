package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/store/dispatch"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// SyncJobs makes a job for the webhook.
func (recipients) SyncJobs(
	_ context.Context, a dispatch.SyncAlarm, _ dispatch.Recipients,
) (jobs []delivery.NewJob, faults []error) {
	data, err := json.Marshal(map[string]string{"connection": "ops", "type": a.Event})
	if err != nil {
		return nil, []error{err}
	}
	return []delivery.NewJob{{Destination: "webhook", Action: "post", Data: data}}, []error{errors.New("another is invalid")}
}

// addSync adds a sync that runs every hour, and is current to a time before now.
func (b *outbox) addSync(t *testing.T, name string, ago time.Duration) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, `INSERT INTO syncs (name, from_kind, from_connection, list_id, to_kind, to_connection, every_seconds,
			current_to)
		VALUES ($1, 'mailchimp', 'mc', 'a', 'ometria', 'om', 3600, now() - make_interval(secs => $2))`, name, ago.Seconds())
	require.NoError(t, err)
}

// check returns the alarms of a check, by sync.
func (b *outbox) check(t *testing.T) map[string]dispatch.SyncAlarm {
	t.Helper()
	alarms, faults, err := b.CheckSyncs(b.ctx, recipients{}, 3, 10)
	require.NoError(t, err)
	require.Len(t, faults, len(alarms))
	byName := map[string]dispatch.SyncAlarm{}
	for _, a := range alarms {
		byName[a.Sync] = a
	}
	return byName
}

func (b *outbox) notifications(t *testing.T) (keys []string) {
	t.Helper()
	rows, err := b.sql.Query(b.ctx, "SELECT idempotency_key FROM events WHERE source = 'sluice' ORDER BY received_at, idempotency_key")
	require.NoError(t, err)
	for rows.Next() {
		var key string
		require.NoError(t, rows.Scan(&key))
		keys = append(keys, key)
	}
	require.NoError(t, rows.Err())
	return keys
}

// One alarm after three missed cycles and none after two, however often and by however many it is checked;
// one notice when it ends.
func TestCheckSyncs(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	// The fourth hour begins: three cycles are missed.
	b.addSync(t, "late", 4*time.Hour+time.Minute)
	b.addSync(t, "fresh", 4*time.Hour-time.Minute)
	b.addSync(t, "paused", 100*time.Hour)
	b.addSync(t, "patient", 9*time.Hour)
	b.addSync(t, "missing", 0)
	b.addSync(t, "differing", 0)
	b.addSync(t, "stopped", 0)
	for _, statement := range []string{
		"UPDATE syncs SET paused = true WHERE name = 'paused'",
		`UPDATE syncs SET settings = '{"alarm_after": 10}' WHERE name = 'patient'`,
		`INSERT INTO sync_known (sync, scanned_at, found, missing_count, deleted, exceeded) VALUES ('missing', now(), 1, 9, 0, true)`,
		`INSERT INTO sync_counts (sync, run_id, counts_read, counts_before, counts_after, changed, rejected, difference, exceeded)
			VALUES ('differing', 1, '{}', '{}', '{}', 0, 0, 9, true)`,
		"INSERT INTO sync_runs (sync, kind, until, sync_version, stopped_at) VALUES ('stopped', 'full', now(), 1, now())",
	} {
		_, err := b.sql.Exec(b.ctx, statement)
		require.NoError(t, err)
	}
	total := make([]int, 4)
	for _, err := range enginetest.AtOnce(4, func(i int) error {
		alarms, _, err := b.CheckSyncs(b.ctx, recipients{}, 3, 10)
		total[i] = len(alarms)
		return err
	}) {
		require.NoError(t, err)
	}
	require.Equal(t, 4, total[0]+total[1]+total[2]+total[3])
	require.Empty(t, b.check(t))
	require.ElementsMatch(t, []string{
		"sync_late_1_late", "sync_missing_1_late", "sync_differing_1_late", "sync_stopped_1_late",
	}, b.notifications(t))

	_, err := b.sql.Exec(b.ctx, `UPDATE syncs SET current_to = now(); UPDATE sync_known SET exceeded = false;
		UPDATE sync_counts SET exceeded = false; UPDATE sync_runs SET stopped_at = NULL`)
	require.NoError(t, err)
	over := b.check(t)
	require.Len(t, over, 3)
	require.NotContains(t, over, "stopped", "a run that continues may stop again: each attempt would be a notice")
	_, err = b.sql.Exec(b.ctx, "UPDATE sync_runs SET status = 'succeeded', ended_at = now()")
	require.NoError(t, err)
	over["stopped"] = b.check(t)["stopped"]
	require.Equal(t, dispatch.EventSyncRecovered, over["stopped"].Event)
	require.Equal(t, dispatch.EventSyncRecovered, over["late"].Event)
	require.Empty(t, b.check(t))
	require.Len(t, b.notifications(t), 8)

	// Another alarm is another notification.
	_, err = b.sql.Exec(b.ctx, "UPDATE syncs SET current_to = now() - interval '1 day' WHERE name = 'late'")
	require.NoError(t, err)
	require.Equal(t, "sync_late_2_late", b.check(t)["late"].ID)
}

// The job of an alarm that cannot be delivered has no import to report to.
func TestUndeliveredSyncAlarm(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	b.addSync(t, "late", 100*time.Hour)
	require.True(t, b.check(t)["late"].Late)
	var id string
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT id FROM jobs").Scan(&id))
	var n int
	require.NoError(t, b.sql.QueryRow(b.ctx, `SELECT count(*) FROM jobs j JOIN events e ON e.id = j.event_id
		WHERE j.id = $1 AND e.source = 'sluice' AND NOT e.context ? 'import_id'`, id).Scan(&n))
	require.Equal(t, 1, n)
	rows, err := b.SQL(pg.Key{}).Queries.NotificationsOf(b.ctx, []string{id})
	require.NoError(t, err)
	require.Empty(t, rows)
}
