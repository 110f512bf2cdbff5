package dispatch

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/internal/db"
)

// SourceSluice is the source of notifications of imports. No other event can have it, and flows do not
// process it.
const SourceSluice = "sluice"

// NotificationPrefix stands before the event of an announcement in the name of its event, and in
// the type of a webhook: import.completed.
const NotificationPrefix = "import."

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
	Jobs(ctx context.Context, a importing.Announcement, r Recipients) (jobs []delivery.NewJob, faults []error)
}

// bridge joins the two halves.
type bridge struct{ notifier Notifier }

var _ importing.Announcer = (*bridge)(nil)

// Announce adds the event of a notification with a job for each recipient, unless there is no recipient
// or the event was added before.
func (b *bridge) Announce(ctx context.Context, q *db.Queries, a importing.Announcement, addresses []string) error {
	if b.notifier == nil {
		return nil
	}
	to, err := webhooks(ctx, q, b.notifier.Webhooks())
	if err != nil {
		return err
	}
	to.Addresses = addresses
	jobs, faults := b.notifier.Jobs(ctx, a, to)
	for i, fault := range faults {
		line := fmt.Sprintf("A recipient of notification %s cannot be notified: %s.", a.ID, fault)
		if err := importing.Warn(ctx, q, a.Import.ID, fmt.Sprintf("notification %s, fault %d", a.ID, i), line); err != nil {
			return err
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return addNotification(ctx, q, a, jobs)
}

// webhooks returns recipients with the settings of webhooks.
func webhooks(ctx context.Context, q *db.Queries, names []string) (Recipients, error) {
	to := Recipients{Webhooks: map[string]json.RawMessage{}}
	if len(names) == 0 {
		return to, nil
	}
	rows, err := q.WebhookSettings(ctx, names)
	if err != nil {
		return Recipients{}, fmt.Errorf("read the settings of webhooks: %w", err)
	}
	for _, row := range rows {
		to.Webhooks[row.Name] = row.Settings
	}
	return to, nil
}

// addNotification adds the event of an announcement.
func addNotification(ctx context.Context, q *db.Queries, a importing.Announcement, jobs []delivery.NewJob) error {
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
	return delivery.AddNotifying(ctx, q, delivery.NewEvent{
		Source: SourceSluice, Name: NotificationPrefix + a.Event, Context: about, Data: data,
		IdempotencyKey: a.ID, SentAt: a.OccurredAt, Jobs: jobs,
	})
}
