package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/db"
)

// outbox is a migrated store with an import, and a plain connection to its database.
type outbox struct {
	*store.Store
	ctx      context.Context
	sql      *pgx.Conn
	siteID   int64
	importID int64
}

func setupOutbox(t *testing.T) *outbox {
	t.Helper()
	b := &outbox{ctx: enginetest.Context(t)}
	dsn := enginetest.StoreDSN(t)
	var err error
	b.Store, err = store.Open(b.ctx, store.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	require.NoError(t, b.Migrate(b.ctx))
	b.sql, err = pgx.Connect(b.ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.sql.Close(context.Background())) })
	require.NoError(t, b.sql.QueryRow(b.ctx, `INSERT INTO sites (domain, contacts)
		VALUES ('example.com', '{anna@example.com}') RETURNING id`).Scan(&b.siteID))
	b.importID = b.addImport(t)
	return b
}

func (b *outbox) addImport(t *testing.T) (id int64) {
	t.Helper()
	require.NoError(t, b.sql.QueryRow(b.ctx, `INSERT INTO imports (site_id, source, label, args, status, on_part_failure,
			max_rejects, max_reject_share, chunk_rows, chunk_bytes, parallelism, start_date, end_date, days, error, error_class,
			requested_by, notify)
		VALUES ($1, 'csv', 'CSV export', '{}', 'failed', 'park', 1, 0.1, 10, 10, 1, '2023-01-01', '2023-01-31',
			'[{"first": "2023-01-02", "last": "2023-01-31"}]', 'no such file', 'bad_input', 'ben', '{ben@example.com}')
		RETURNING id`, b.siteID).Scan(&id))
	_, err := b.sql.Exec(b.ctx, `INSERT INTO parts (import_id, no, table_name, label, args, status, rows_read, rows_loaded,
			rows_rejected, rows_out_of_range, rows_left_out)
		VALUES ($1, 0, 'imported_pages', 'a', '{}', 'done', 13, 7, 2, 1, 3), ($1, 1, 'imported_pages', 'b', '{}', 'skipped', 0, 0, 0, 0, 0)`, id)
	require.NoError(t, err)
	return id
}

// announced returns an ID of the outbox after announcing that.
func (b *outbox) announced(t *testing.T, event string) string {
	t.Helper()
	require.NoError(t, b.Announce(b.ctx, b.importID, event, ""))
	return fmt.Sprintf("imp_%d_0_%s", b.importID, event)
}

// expand makes deliveries of everything, to the addresses and to a webhook.
func (b *outbox) expand(t *testing.T) int {
	t.Helper()
	for n := 0; ; n++ {
		expanded, err := b.ExpandNotification(b.ctx, func(_ store.Notification, addresses []string) []store.Target {
			targets := []store.Target{{Channel: store.ChannelWebhook, Name: "ops"}}
			for _, address := range addresses {
				targets = append(targets, store.Target{Channel: store.ChannelEmail, Name: address})
			}
			return targets
		})
		require.NoError(t, err)
		if !expanded {
			return n
		}
	}
}

func (b *outbox) claim(t *testing.T, limit int32) []store.ClaimedDelivery {
	t.Helper()
	claimed, err := b.ClaimDueDeliveries(b.ctx, limit, time.Minute)
	require.NoError(t, err)
	return claimed
}

func TestAnnounceKeepsASnapshot(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	require.NoError(t, b.Announce(b.ctx, b.importID, store.EventFailed, "what \x00 else"))
	_, err := b.sql.Exec(b.ctx, "UPDATE imports SET label = 'another', error = 'another'")
	require.NoError(t, err)
	n, domain, deliveries, err := b.Notification(b.ctx, fmt.Sprintf("imp_%d_0_failed", b.importID))
	require.NoError(t, err)
	require.Equal(t, "example.com", domain)
	require.Empty(t, deliveries)
	require.Nil(t, n.ExpandedAt)
	var a store.Announcement
	require.NoError(t, json.Unmarshal(n.Payload, &a))
	require.WithinDuration(t, time.Now(), a.OccurredAt, time.Minute)
	a.OccurredAt = time.Time{}
	got, err := json.MarshalIndent(a, "", " ")
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{
		"id": "imp_%d_0_failed", "event": "failed", "detail": "what \ufffd else", "occurred_at": "0001-01-01T00:00:00Z",
		"import": {
			"id": %d, "site": "example.com", "source": "csv", "label": "CSV export", "status": "failed",
			"start_date": "2023-01-01", "end_date": "2023-01-31", "days": [{"first": "2023-01-02", "last": "2023-01-31"}],
			"rows_read": 13, "rows_left_out": 3, "warnings": 0, "rows_loaded": 7, "rows_rejected": 2, "rows_out_of_range": 1, "parts_skipped": 1,
			"error": "no such file", "error_class": "bad_input", "requested_by": "ben", "review_expires_at": null
		}}`, b.importID, b.importID), string(got))
}

// The announcement of an activity that is retried is one notification; one of a later
// generation is another.
func TestAnnounceTwice(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	sub, err := b.Subscribe(b.ctx, store.JobsChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close(context.Background())) })
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() { errs[i] = b.Announce(b.ctx, b.importID, store.EventFailed, "") })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	_, err = b.sql.Exec(b.ctx, "UPDATE imports SET generation = 1")
	require.NoError(t, err)
	require.NoError(t, b.Announce(b.ctx, b.importID, store.EventCompleted, ""))
	require.NoError(t, b.Announce(b.ctx, b.importID, store.EventReviewWanted, ""))

	listed, err := b.Notifications(b.ctx, b.importID, "", 10)
	require.NoError(t, err)
	var ids []string
	for _, n := range listed {
		ids = append(ids, n.ID)
		require.Nil(t, n.Status, "there are no deliveries yet")
	}
	require.ElementsMatch(t, []string{
		fmt.Sprintf("imp_%d_0_failed", b.importID), fmt.Sprintf("imp_%d_1_completed", b.importID),
		fmt.Sprintf("imp_%d_1_review_wanted", b.importID),
	}, ids)

	// What stands on the channel is exactly what listeners of old expect.
	for _, event := range []string{"fail", "complete"} {
		payload, told, err := sub.Await(b.ctx)
		require.NoError(t, err)
		require.True(t, told)
		require.Equal(t, fmt.Sprintf(`{"event":%q,"import_id":%d,"site_id":%d}`, event, b.importID, b.siteID), payload)
	}
	requireSilence(t, b, sub)
}

// requireSilence makes sure that nothing is on its way: it sends a word of its own
// and expects that to be the next.
func requireSilence(t *testing.T, b *outbox, sub *store.Subscription) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, "SELECT pg_notify($1, 'silence')", store.JobsChannel)
	require.NoError(t, err)
	payload, told, err := sub.Await(b.ctx)
	require.NoError(t, err)
	require.True(t, told)
	require.Equal(t, "silence", payload)
}

func TestWhatListenersAreTold(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{
		store.EventCompleted: "complete", store.EventUnchanged: "complete", store.EventRetrying: "transient_fail",
		store.EventFailed: "fail", store.EventCancelled: "fail", store.EventDeclined: "fail",
		store.EventReviewWanted: "", store.EventReviewReminder: "",
	} {
		require.Equal(t, want, store.JobEvent(event), event)
	}
	b := setupOutbox(t)
	sub, err := b.Subscribe(b.ctx, store.JobsChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close(context.Background())) })
	// Every retry is told, and none goes into the outbox.
	for range 2 {
		require.NoError(t, b.Announce(b.ctx, b.importID, store.EventRetrying, ""))
		payload, _, err := sub.Await(b.ctx)
		require.NoError(t, err)
		require.Contains(t, payload, `"transient_fail"`)
	}
	require.NoError(t, b.Announce(b.ctx, b.importID, store.EventReviewReminder, ""))
	requireSilence(t, b, sub)
	listed, err := b.Notifications(b.ctx, 0, "", 10)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.Equal(t, store.EventReviewReminder, listed[0].Event)

	require.ErrorIs(t, b.Announce(b.ctx, 999, store.EventFailed, ""), store.ErrNotFound)
	require.ErrorContains(t, b.Announce(b.ctx, b.importID, "party", ""), "notifications_event_check")
}

// Nothing is told of what is not committed.
func TestToldAtCommit(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	sub, err := b.Subscribe(b.ctx, store.JobsChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close(context.Background())) })

	tx, err := b.sql.Begin(b.ctx)
	require.NoError(t, err)
	require.NoError(t, store.AnnounceIn(b.ctx, tx, b.importID, store.EventFailed, ""))
	require.NoError(t, tx.Rollback(b.ctx))
	requireSilence(t, b, sub)
	listed, err := b.Notifications(b.ctx, 0, "", 10)
	require.NoError(t, err)
	require.Empty(t, listed)

	tx, err = b.sql.Begin(b.ctx)
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx, "UPDATE imports SET status = 'completed'")
	require.NoError(t, err)
	require.NoError(t, store.AnnounceIn(b.ctx, tx, b.importID, store.EventCompleted, ""))
	waiting, cancel := context.WithTimeout(b.ctx, 100*time.Millisecond)
	defer cancel()
	_, told, err := sub.Await(waiting)
	require.NoError(t, err)
	require.False(t, told, "told before the commit")
	require.NoError(t, tx.Commit(b.ctx))
	payload, told, err := sub.Await(b.ctx)
	require.NoError(t, err)
	require.True(t, told)
	require.Contains(t, payload, `"complete"`)
	imp, err := b.Import(b.ctx, b.importID)
	require.NoError(t, err)
	require.Equal(t, "completed", imp.Status, "it is true when it is told")
}

func TestExpandOnce(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	id := b.announced(t, store.EventFailed)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { b.expand(t) })
	}
	all.Wait()
	n, _, deliveries, err := b.Notification(b.ctx, id)
	require.NoError(t, err)
	require.NotNil(t, n.ExpandedAt)
	var targets []string
	for _, d := range deliveries {
		require.Equal(t, store.DeliveryPending, d.Status)
		targets = append(targets, d.Channel+" "+d.Target)
	}
	require.Equal(t, []string{"email anna@example.com", "email ben@example.com", "webhook ops"}, targets)
	require.Zero(t, b.expand(t))
}

// Every delivery is claimed by one only, and again when its lease is over; who comes
// late has nothing to say.
func TestClaim(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	b.announced(t, store.EventFailed)
	b.announced(t, store.EventReviewWanted)
	require.Equal(t, 2, b.expand(t))
	got := make([][]store.ClaimedDelivery, 4)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			for {
				claimed := b.claim(t, 1)
				if len(claimed) == 0 {
					return
				}
				got[i] = append(got[i], claimed...)
			}
		})
	}
	all.Wait()
	seen := map[int64]store.ClaimedDelivery{}
	for _, claimed := range got {
		for _, c := range claimed {
			require.NotContains(t, seen, c.Delivery.ID, "claimed twice")
			require.Equal(t, b.importID, c.ImportID)
			require.EqualValues(t, 1, c.Delivery.Attempts)
			seen[c.Delivery.ID] = c
		}
	}
	require.Len(t, seen, 6)

	_, err := b.sql.Exec(b.ctx, "UPDATE deliveries SET due_at = now()")
	require.NoError(t, err)
	again := b.claim(t, 10)
	require.Len(t, again, 6)
	for _, c := range again {
		require.EqualValues(t, 2, c.Delivery.Attempts)
		late := seen[c.Delivery.ID]
		require.ErrorIs(t, b.EndDelivery(b.ctx, late.Delivery, store.DeliveryDelivered, ""), store.ErrFenced)
		require.ErrorIs(t, b.DelayDelivery(b.ctx, late.Delivery, time.Hour, "late"), store.ErrFenced)
		require.ErrorIs(t, b.GiveBackDelivery(b.ctx, late.Delivery), store.ErrFenced)
		require.ErrorIs(t, b.GiveUpDelivery(b.ctx, late, "late", "late"), store.ErrFenced)
		require.NoError(t, b.EndDelivery(b.ctx, c.Delivery, store.DeliveryDelivered, ""))
	}
	feedback, err := b.ListFeedback(b.ctx, db.ListFeedbackParams{ImportID: b.importID, RowLimit: 10})
	require.NoError(t, err)
	require.Empty(t, feedback, "what is refused leaves no trace")
}

func TestHowDeliveriesEnd(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	id := b.announced(t, store.EventFailed)
	b.expand(t)
	claimed := b.claim(t, 10)
	require.Len(t, claimed, 3)
	delayed, returned, givenUp := claimed[0], claimed[1], claimed[2]
	require.NoError(t, b.DelayDelivery(b.ctx, delayed.Delivery, time.Hour, "busy \x00"))
	require.NoError(t, b.GiveBackDelivery(b.ctx, returned.Delivery))
	require.NoError(t, b.GiveUpDelivery(b.ctx, givenUp, "refused", "could not be delivered"))

	listed, err := b.Notifications(b.ctx, b.importID, store.DeliveryGivenUp, 10)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.Equal(t, "refused", *listed[0].Error)
	require.NotNil(t, listed[0].FinishedAt)
	listed, err = b.Notifications(b.ctx, 0, store.DeliveryPending, 10)
	require.NoError(t, err)
	require.Len(t, listed, 2)

	// The one that was given back is due at once, and the attempt does not count.
	claimed = b.claim(t, 10)
	require.Len(t, claimed, 1)
	require.Equal(t, returned.Delivery.ID, claimed[0].Delivery.ID)
	require.EqualValues(t, 1, claimed[0].Delivery.Attempts)
	require.NoError(t, b.EndDelivery(b.ctx, claimed[0].Delivery, store.DeliverySkipped, "not wanted"))

	feedback, err := b.ListFeedback(b.ctx, db.ListFeedbackParams{ImportID: b.importID, RowLimit: 10})
	require.NoError(t, err)
	require.Len(t, feedback, 1)
	require.Equal(t, store.LevelWarn, feedback[0].Level)
	require.Equal(t, "could not be delivered", feedback[0].Message)

	// A retry takes up what waits and what was given up, with all attempts before it.
	n, err := b.RetryNotification(b.ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	claimed = b.claim(t, 10)
	require.Len(t, claimed, 2)
	for _, c := range claimed {
		require.EqualValues(t, 1, c.Delivery.Attempts)
	}
	n, err = b.RetryNotification(b.ctx, id)
	require.NoError(t, err)
	require.Zero(t, n, "what is being sent is left alone")
	_, err = b.RetryNotification(b.ctx, "nope")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, _, _, err = b.Notification(b.ctx, "nope")
	require.ErrorIs(t, err, store.ErrNotFound)
}

// What was not sent goes with the import that it is about.
func TestDeletingAnImportEmptiesItsOutbox(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	id := b.announced(t, store.EventFailed)
	b.expand(t)
	claimed := b.claim(t, 1)
	_, err := b.sql.Exec(b.ctx, "DELETE FROM imports WHERE id = $1", b.importID)
	require.NoError(t, err)
	_, _, _, err = b.Notification(b.ctx, id)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, b.EndDelivery(b.ctx, claimed[0].Delivery, store.DeliveryDelivered, ""), store.ErrFenced)
	require.ErrorIs(t, b.GiveUpDelivery(b.ctx, claimed[0], "x", "x"), store.ErrNotFound)
}

func TestAnnouncedEnds(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	before := time.Now().Add(-time.Hour)
	b.announced(t, store.EventReviewWanted)
	first := b.announced(t, store.EventDeclined)
	other := b.addImport(t)
	require.NoError(t, b.Announce(b.ctx, other, store.EventCompleted, ""))
	ends, err := b.AnnouncedEnds(b.ctx, before, 0)
	require.NoError(t, err)
	require.Len(t, ends, 2)
	require.Equal(t, first, ends[0].ID)
	require.Equal(t, store.EventCompleted, ends[1].Event)
	require.Equal(t, b.siteID, ends[1].SiteID)
	ends, err = b.AnnouncedEnds(b.ctx, before, other)
	require.NoError(t, err)
	require.Len(t, ends, 1)
	ends, err = b.AnnouncedEnds(b.ctx, time.Now().Add(time.Hour), 0)
	require.NoError(t, err)
	require.Empty(t, ends)
}

// A subscription whose connection was cut says so.
func TestSubscriptionEnds(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	sub, err := b.Subscribe(b.ctx, store.OutboxChannel)
	require.NoError(t, err)
	now, err := sub.Now(b.ctx)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), now, time.Minute)
	_, err = b.sql.Exec(b.ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT clock_timestamp%' "+
		"AND pid <> pg_backend_pid() AND datname = current_database()")
	require.NoError(t, err)
	_, told, err := sub.Await(b.ctx)
	require.Error(t, err)
	require.False(t, told)
	require.NoError(t, sub.Close(b.ctx))
}
