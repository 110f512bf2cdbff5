package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/db"
)

// SourceSluice is the source of notifications of imports. No other event can have it, and flows do not
// process it.
const SourceSluice = "sluice"

// NotificationPrefix stands before the event of an announcement in the name of its event, and in
// the type of a webhook: import.completed.
const NotificationPrefix = "import."

// AnnouncedEnd is the end of an import.
type AnnouncedEnd = db.EndsSinceRow

// Recipients are the recipients of a notification that the store knows.
type Recipients struct {
	// Addresses are the e-mail addresses of the import and of its site.
	Addresses []string
	// Webhooks are the settings of connections of kind webhook, by name.
	Webhooks map[string]json.RawMessage
}

// Notifier makes the jobs that notify of what happens to imports. Its methods are called inside
// transactions, also concurrently, and must do no I/O.
type Notifier interface {
	// Webhooks returns the names of the connections whose settings Jobs needs.
	Webhooks() []string
	// Jobs returns a job for each recipient. faults are the errors of recipients that cannot be
	// notified; the import's log has them, so they name no address.
	Jobs(ctx context.Context, a Announcement, r Recipients) (jobs []NewJob, faults []error)
}

// notify adds the event of a notification with a job for each recipient, unless there is no recipient or
// the event was added before.
func (s *Store) notify(ctx context.Context, q *db.Queries, f db.ImportFactsRow, e announcedEvent) error {
	a := announcement(f, e)
	to := Recipients{Addresses: slices.Concat(f.Notify, f.Contacts), Webhooks: map[string]json.RawMessage{}}
	if names := s.notifier.Webhooks(); len(names) > 0 {
		rows, err := q.WebhookSettings(ctx, names)
		if err != nil {
			return fmt.Errorf("read the settings of webhooks: %w", err)
		}
		for _, row := range rows {
			to.Webhooks[row.Name] = row.Settings
		}
	}
	jobs, faults := s.notifier.Jobs(ctx, a, to)
	for i, fault := range faults {
		line := fmt.Sprintf("A recipient of notification %s cannot be notified: %s.", a.ID, fault)
		if err := warn(ctx, q, f.ID, fmt.Sprintf("notification %s, fault %d", a.ID, i), line); err != nil {
			return err
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return addNotification(ctx, q, a, jobs)
}

// addNotification adds the event of an announcement, and notifies the producers of its jobs.
func addNotification(ctx context.Context, q *db.Queries, a Announcement, jobs []NewJob) error {
	data, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode the announcement: %w", err)
	}
	about, err := json.Marshal(map[string]any{
		"import_id": a.Import.ID, "site": a.Import.Site, "importer": a.Import.Source,
	})
	if err != nil {
		return fmt.Errorf("encode the context of the announcement: %w", err)
	}
	var b eventBatch
	if err := b.add(NewEvent{
		Source: SourceSluice, Name: NotificationPrefix + a.Event, Context: about, Data: data,
		IdempotencyKey: a.ID, SentAt: a.OccurredAt, Jobs: jobs,
	}); err != nil {
		return err
	}
	added, err := q.AddEvents(ctx, b.params)
	if err != nil || len(added) == 0 {
		return err
	}
	return notifyAdded(ctx, q, jobs)
}

// warn writes a warning to the log of an import, unless the import is deleted.
func warn(ctx context.Context, q *db.Queries, id int64, occasion, message string) error {
	if _, err := q.LockImport(ctx, id); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return fmt.Errorf("lock import %d: %w", id, err)
	}
	p := db.AddFeedbackParams{ImportID: id, Level: LevelWarn, Occasion: Plain(occasion), Message: Plain(message)}
	if err := q.AddFeedback(ctx, p); err != nil {
		return fmt.Errorf("warn in the log of import %d: %w", id, err)
	}
	return nil
}

// AnnouncedEnds returns the ends of imports since a moment of the database's clock, oldest
// first: of one import unless importID is 0.
func (s *Store) AnnouncedEnds(ctx context.Context, since time.Time, importID int64) ([]AnnouncedEnd, error) {
	var one *int64
	if importID != 0 {
		one = &importID
	}
	ends, err := s.EndsSince(ctx, since, one)
	if err != nil {
		return nil, fmt.Errorf("read the ends of imports: %w", err)
	}
	return ends, nil
}
