package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/store/dispatch"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/internal/db"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// recipients is a notifier that makes a job for each address and webhook.
type recipients struct{}

func (recipients) Webhooks() []string { return []string{"ops"} }

func (recipients) Jobs(_ context.Context, _ importing.Announcement, r dispatch.Recipients) (jobs []delivery.NewJob, faults []error) {
	for _, address := range r.Addresses {
		if address == "unknown" {
			faults = append(faults, errors.New("want an address"))
			continue
		}
		data, err := json.Marshal(map[string]string{"connection": "notify", "to": address})
		if err != nil {
			return nil, []error{err}
		}
		jobs = append(jobs, delivery.NewJob{Destination: "smtp", Action: "send", Data: data})
	}
	for name := range r.Webhooks {
		jobs = append(jobs, delivery.NewJob{Destination: "webhook", Action: "post", Data: json.RawMessage(`{"connection": "` + name + `"}`)})
	}
	return jobs, faults
}

// outbox is a migrated store with an import, and a plain connection to its database.
type outbox struct {
	*dispatch.Store
	ctx      context.Context
	sql      *pgx.Conn
	siteID   int64
	importID int64
}

func setupOutbox(t *testing.T) *outbox {
	t.Helper()
	b := &outbox{ctx: enginetest.Context(t)}
	opened, sql := enginetest.OpenStore(t)
	b.Store, b.sql = dispatch.New(opened, recipients{}), sql
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

// announce announces in a transaction of its own.
func (b *outbox) announce(importID int64, event, detail string) error {
	return pgx.BeginFunc(b.ctx, b.sql, func(tx pgx.Tx) error {
		return b.Imports.Announce(b.ctx, db.New(tx), importID, event, detail)
	})
}

// events returns the events of the source sluice, the oldest first, by their keys.
func (b *outbox) events(t *testing.T) (keys []string) {
	t.Helper()
	rows, err := b.sql.Query(b.ctx, "SELECT idempotency_key FROM events WHERE source = 'sluice' ORDER BY id")
	require.NoError(t, err)
	keys, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return keys
}

// feedback returns the lines of the import's log.
func (b *outbox) feedback(t *testing.T) (lines []string) {
	t.Helper()
	all, err := b.Imports.ListFeedback(b.ctx, db.ListFeedbackParams{ImportID: b.importID, RowLimit: 10})
	require.NoError(t, err)
	for _, line := range all {
		lines = append(lines, line.Level+": "+line.Message)
	}
	return lines
}

func TestAnnounceKeepsASnapshot(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	require.NoError(t, b.announce(b.importID, importing.EventFailed, "what \x00 else"))
	_, err := b.sql.Exec(b.ctx, "UPDATE imports SET label = 'another', error = 'another'")
	require.NoError(t, err)
	event, err := b.SQL(pg.Key{}).Queries.EventByKey(b.ctx, dispatch.SourceSluice, fmt.Sprintf("imp_%d_0_failed", b.importID))
	require.NoError(t, err)
	require.Equal(t, "import.failed", event.Name)
	require.JSONEq(t, fmt.Sprintf(`{"import_id": %d, "site": "example.com", "importer": "csv"}`, b.importID), string(event.Context))
	jobs, err := b.SQL(pg.Key{}).Queries.JobsOfEvent(b.ctx, event.ID)
	require.NoError(t, err)
	require.Len(t, jobs, 2, "a job for each address")
	require.Equal(t, "notify", jobs[0].Connection)
	require.Equal(t, event.SentAt, jobs[0].SentAt)
	var a importing.Announcement
	require.NoError(t, json.Unmarshal(event.Data, &a))
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
	sub, err := b.Subscribe(b.ctx, importing.JobsChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close(context.Background())) })
	producers, err := b.Subscribe(b.ctx, delivery.AddedChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, producers.Close(context.Background())) })
	// Two that end an import at once: one of them ends it.
	_, err = b.sql.Exec(b.ctx, "UPDATE imports SET status = 'running'")
	require.NoError(t, err)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() {
			_, errs[i] = b.Imports.Finish(b.ctx, b.importID, importing.End{Status: importing.StatusFailed, Reason: "x"}, importing.LockLimits{})
		})
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	_, err = b.sql.Exec(b.ctx, "UPDATE imports SET generation = 1")
	require.NoError(t, err)
	require.NoError(t, b.announce(b.importID, importing.EventCompleted, ""))
	for range 2 {
		require.NoError(t, b.announce(b.importID, importing.EventReviewWanted, ""))
	}
	require.Equal(t, []string{
		fmt.Sprintf("imp_%d_0_failed", b.importID), fmt.Sprintf("imp_%d_1_completed", b.importID),
		fmt.Sprintf("imp_%d_1_review_wanted", b.importID),
	}, b.events(t))
	action, told, err := producers.Await(b.ctx)
	require.NoError(t, err)
	require.True(t, told, "producers are notified of the jobs")
	require.Equal(t, "smtp/send", action)

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
	_, err := b.sql.Exec(b.ctx, "SELECT pg_notify($1, 'silence')", importing.JobsChannel)
	require.NoError(t, err)
	payload, told, err := sub.Await(b.ctx)
	require.NoError(t, err)
	require.True(t, told)
	require.Equal(t, "silence", payload)
}

func TestNotificationsOfListeners(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{
		importing.EventCompleted: "complete", importing.EventUnchanged: "complete", importing.EventRetrying: "transient_fail",
		importing.EventFailed: "fail", importing.EventCancelled: "fail", importing.EventDeclined: "fail",
		importing.EventReviewWanted: "", importing.EventReviewReminder: "",
	} {
		require.Equal(t, want, importing.JobEvent(event), event)
	}
	b := setupOutbox(t)
	sub, err := b.Subscribe(b.ctx, importing.JobsChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close(context.Background())) })
	// Every retry is notified, and none goes into the outbox.
	for range 2 {
		require.NoError(t, b.announce(b.importID, importing.EventRetrying, ""))
		payload, _, err := sub.Await(b.ctx)
		require.NoError(t, err)
		require.Contains(t, payload, `"transient_fail"`)
	}
	require.NoError(t, b.announce(b.importID, importing.EventReviewReminder, ""))
	requireSilence(t, b, sub)
	require.Equal(t, []string{fmt.Sprintf("imp_%d_0_review_reminder", b.importID)}, b.events(t))
	require.ErrorIs(t, b.announce(999, importing.EventFailed, ""), store.ErrNotFound)
}

// An uncommitted change sends no notification.
func TestToldAtCommit(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	sub, err := b.Subscribe(b.ctx, importing.JobsChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close(context.Background())) })

	tx, err := b.sql.Begin(b.ctx)
	require.NoError(t, err)
	require.NoError(t, b.Imports.Announce(b.ctx, db.New(tx), b.importID, importing.EventFailed, ""))
	require.NoError(t, tx.Rollback(b.ctx))
	requireSilence(t, b, sub)
	require.Empty(t, b.events(t))

	tx, err = b.sql.Begin(b.ctx)
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx, "UPDATE imports SET status = 'completed'")
	require.NoError(t, err)
	require.NoError(t, b.Imports.Announce(b.ctx, db.New(tx), b.importID, importing.EventCompleted, ""))
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
	imp, err := b.Imports.Import(b.ctx, b.importID)
	require.NoError(t, err)
	require.Equal(t, "completed", imp.Status, "it is committed before the notification")
}

// Without a recipient there is no event; one that cannot be notified stands in the import's log.
func TestOnlyWhereThereIsARecipient(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	_, err := b.sql.Exec(b.ctx, "UPDATE imports SET notify = '{unknown}'; UPDATE sites SET contacts = '{}'")
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, b.announce(b.importID, importing.EventFailed, ""))
	}
	require.Empty(t, b.events(t))
	require.Equal(t, []string{fmt.Sprintf("warn: A recipient of notification imp_%d_0_failed cannot be notified: want an address.",
		b.importID)}, b.feedback(t))
	_, err = b.sql.Exec(b.ctx, `INSERT INTO connections (name, kind, settings, secret_names, sealed, key_id)
		VALUES ('ops', 'webhook', '{"url": "https://example.com"}', '{}', 'x', 1), ('sales', 'webhook', '{}', '{}', 'x', 1)`)
	require.NoError(t, err)
	require.NoError(t, b.announce(b.importID, importing.EventCancelled, ""))
	require.Len(t, b.events(t), 1, "the notifier is given the settings of its webhooks")
}

// claimed takes the jobs of an action.
func (b *outbox) claimed(t *testing.T, destination, action string) []delivery.Job {
	t.Helper()
	claim, err := b.Deliveries.ClaimDue(b.ctx, delivery.ClaimRequest{
		Destination: destination, Action: action, Limit: 10, Concurrency: 10, Lease: time.Minute,
	})
	require.NoError(t, err)
	return claim.Jobs
}

// The import's log says once which notification was not delivered, and does not name a person.
// What is retried by itself is not in it.
func TestUndeliveredNotifications(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	require.NoError(t, b.announce(b.importID, importing.EventFailed, ""))
	_, err := b.Deliveries.AddEvent(b.ctx, delivery.NewEvent{Source: "shop", Jobs: []delivery.NewJob{{Destination: "smtp", Action: "send"}}})
	require.NoError(t, err)
	jobs := b.claimed(t, "smtp", "send")
	require.Len(t, jobs, 3)
	outcome := func(job delivery.Job, state string) []delivery.JobOutcome {
		return []delivery.JobOutcome{{
			JobID: job.ID, FencingToken: job.FencingToken, State: state, Error: "the mail server refuses the recipient (550)",
			RetryAfter: -1,
		}}
	}
	var mails []delivery.Job
	for _, job := range jobs {
		if job.Connection == "notify" {
			mails = append(mails, job)
			continue
		}
		_, err := b.Deliveries.RecordOutcomes(b.ctx, outcome(job, delivery.JobDiscarded))
		require.NoError(t, err)
	}
	_, err = b.Deliveries.RecordOutcomes(b.ctx, outcome(mails[0], delivery.JobFailed))
	require.NoError(t, err)
	require.Empty(t, b.feedback(t))
	for range 2 {
		_, err = b.Deliveries.RecordOutcomes(b.ctx, outcome(mails[1], delivery.JobDiscarded))
		require.NoError(t, err)
	}
	require.Equal(t, []string{fmt.Sprintf("warn: Notification imp_%d_0_failed could not be delivered by smtp through the connection "+
		"notify: the mail server refuses the recipient (550). `sluice job retry %s` tries again.", b.importID, mails[1].ID)}, b.feedback(t))
	require.Len(t, b.events(t), 1, "a failed notification sends nothing")
}

// What was not sent goes with the import that it is about.
func TestDeletingAnImportDeletesItsNotifications(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	other := b.addImport(t)
	require.NoError(t, b.announce(b.importID, importing.EventFailed, ""))
	require.NoError(t, b.announce(other, importing.EventFailed, ""))
	jobs := b.claimed(t, "smtp", "send")
	require.Len(t, jobs, 4)
	_, err := b.sql.Exec(b.ctx, "DELETE FROM imports WHERE id = $1", b.importID)
	require.NoError(t, err)
	require.Equal(t, []string{fmt.Sprintf("imp_%d_0_failed", other)}, b.events(t))
	for _, job := range jobs {
		_, err := b.Deliveries.RecordOutcomes(b.ctx, []delivery.JobOutcome{{JobID: job.ID, FencingToken: job.FencingToken, State: delivery.JobDiscarded, Error: "x"}})
		require.NoError(t, err)
	}
	_, err = b.sql.Exec(b.ctx, "DELETE FROM transitions")
	require.ErrorContains(t, err, "append-only", "the deletion has left nothing open")
}

func TestAnnouncedEnds(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	before := time.Now().Add(-time.Hour)
	other := b.addImport(t)
	_, err := b.sql.Exec(b.ctx, "UPDATE imports SET status = 'running'")
	require.NoError(t, err)
	for id, status := range map[int64]string{b.importID: importing.StatusDeclined, other: importing.StatusUnchanged} {
		_, err = b.Imports.Finish(b.ctx, id, importing.End{Status: status}, importing.LockLimits{})
		require.NoError(t, err)
	}
	running := b.addImport(t)
	_, err = b.sql.Exec(b.ctx, "UPDATE imports SET status = 'running' WHERE id = $1", running)
	require.NoError(t, err)
	ends, err := b.Imports.AnnouncedEnds(b.ctx, before, 0)
	require.NoError(t, err)
	require.Len(t, ends, 2)
	ends, err = b.Imports.AnnouncedEnds(b.ctx, before, other)
	require.NoError(t, err)
	require.Len(t, ends, 1)
	require.Equal(t, fmt.Sprintf("imp_%d_0_unchanged", other), ends[0].ID)
	require.Equal(t, importing.EventUnchanged, ends[0].Event)
	require.Equal(t, b.siteID, ends[0].SiteID)
	ends, err = b.Imports.AnnouncedEnds(b.ctx, time.Now().Add(time.Hour), 0)
	require.NoError(t, err)
	require.Empty(t, ends)
}

// A subscription whose connection was cut says so.
func TestSubscriptionEnds(t *testing.T) {
	t.Parallel()
	b := setupOutbox(t)
	sub, err := b.Subscribe(b.ctx, importing.JobsChannel)
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
