package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/db"
)

// The statuses of a delivery.
const (
	// DeliveryPending means that it is to be sent, now or later.
	DeliveryPending = "pending"
	// DeliverySending means that somebody is sending it.
	DeliverySending = "sending"
	// DeliveryDelivered means that the other side has taken it.
	DeliveryDelivered = "delivered"
	// DeliverySkipped means that the other side does not want to know of such events.
	DeliverySkipped = "skipped"
	// DeliveryGivenUp means that nobody tries any more.
	DeliveryGivenUp = "given_up"
)

// The ways in which notifications are delivered.
const (
	// ChannelEmail is e-mail; the target is an address.
	ChannelEmail = "email"
	// ChannelWebhook is an HTTP endpoint; the target is the name of a connection.
	ChannelWebhook = "webhook"
)

// Rows of the outbox.
type (
	// Notification is an announcement in the outbox.
	Notification = db.Notification
	// Delivery is a notification on its way to one target.
	Delivery = db.Delivery
	// ClaimedDelivery is a delivery that the caller is to make, with what it says.
	ClaimedDelivery = db.ClaimDeliveriesRow
	// ListedNotification is a line of a listing: a notification with one delivery.
	ListedNotification = db.ListNotificationsRow
	// AnnouncedEnd is the end of an import, as it was announced.
	AnnouncedEnd = db.EndsSinceRow
)

// Target is where a notification goes.
type Target struct {
	// Channel is ChannelEmail or ChannelWebhook.
	Channel string
	// Name is an address, or the name of a connection.
	Name string
}

// ExpandNotification makes the deliveries of the oldest notification that has none
// yet; expanded is false if there is no such notification. targets returns where it
// goes, given the addresses that its import and its site name; it is called inside a
// transaction and must not do any I/O. Several processes may expand at once.
func (s *Store) ExpandNotification(
	ctx context.Context, targets func(n Notification, addresses []string) []Target,
) (expanded bool, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		row, err := q.NextUnexpanded(ctx)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find a new notification: %w", err)
		}
		addresses := append(append([]string(nil), row.Notify...), row.Contacts...)
		for _, t := range targets(row.Notification, addresses) {
			d := db.AddDeliveryParams{NotificationID: row.Notification.ID, Channel: t.Channel, Target: plain(t.Name)}
			if err := q.AddDelivery(ctx, d); err != nil {
				return fmt.Errorf("add a delivery of %s: %w", row.Notification.ID, err)
			}
		}
		expanded = true
		return q.MarkExpanded(ctx, row.Notification.ID)
	})
	return expanded && err == nil, err
}

// ClaimDueDeliveries takes up to limit deliveries that are due. Each is the caller's for
// the length of the lease; it is due again afterwards unless the caller has said how
// it went.
func (s *Store) ClaimDueDeliveries(ctx context.Context, limit int32, lease time.Duration) ([]ClaimedDelivery, error) {
	claimed, err := s.ClaimDeliveries(ctx, lease.Seconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return claimed, nil
}

// EndDelivery ends a delivery without a word in the import's log. The error is ErrFenced if
// another attempt has begun meanwhile.
func (s *Store) EndDelivery(ctx context.Context, d Delivery, status, reason string) error {
	n, err := s.FinishDelivery(ctx, db.FinishDeliveryParams{
		ID: d.ID, Fence: d.Fence, Status: status, Reason: plain(reason),
	})
	return stillOurs(n, err, d)
}

// DelayDelivery lets a delivery wait for its next attempt. The error is ErrFenced if
// another attempt has begun meanwhile.
func (s *Store) DelayDelivery(ctx context.Context, d Delivery, wait time.Duration, reason string) error {
	n, err := s.PostponeDelivery(ctx, db.PostponeDeliveryParams{
		ID: d.ID, Fence: d.Fence, WaitSeconds: wait.Seconds(), Reason: plain(reason),
	})
	return stillOurs(n, err, d)
}

// GiveBackDelivery makes a delivery due again at once and does not count the attempt:
// for whoever has to stop in the middle. The error is ErrFenced if another attempt has
// begun meanwhile.
func (s *Store) GiveBackDelivery(ctx context.Context, d Delivery) error {
	n, err := s.ReturnDelivery(ctx, d.ID, d.Fence)
	return stillOurs(n, err, d)
}

// GiveUpDelivery ends a delivery that could not be made, and says so in the import's
// log. The error is ErrFenced if another attempt has begun meanwhile.
func (s *Store) GiveUpDelivery(ctx context.Context, d ClaimedDelivery, reason, message string) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		// The import first: whoever announces holds it when he comes to the outbox.
		if _, err := q.LockImport(ctx, d.ImportID); err != nil {
			return found(err, "import %d", d.ImportID)
		}
		n, err := q.FinishDelivery(ctx, db.FinishDeliveryParams{
			ID: d.Delivery.ID, Fence: d.Delivery.Fence, Status: DeliveryGivenUp, Reason: plain(reason),
		})
		if err := stillOurs(n, err, d.Delivery); err != nil {
			return err
		}
		return q.AddFeedback(ctx, db.AddFeedbackParams{
			ImportID: d.ImportID, Level: LevelWarn, Message: plain(message),
			Occasion: fmt.Sprintf("delivery %d given up at attempt %d", d.Delivery.ID, d.Delivery.Fence),
		})
	})
}

func stillOurs(n int64, err error, d Delivery) error {
	if err == nil && n == 0 {
		err = ErrFenced
	}
	if err != nil {
		return fmt.Errorf("delivery %d: %w", d.ID, err)
	}
	return nil
}

// Notification returns a notification with the domain of its site, and its
// deliveries. The error is ErrNotFound if there is none of that ID.
func (s *Store) Notification(
	ctx context.Context, id string,
) (n Notification, domain string, all []Delivery, err error) {
	row, err := s.NotificationByID(ctx, id)
	if err != nil {
		return Notification{}, "", nil, found(err, "notification %s", id)
	}
	all, err = s.DeliveriesOf(ctx, id)
	if err != nil {
		return Notification{}, "", nil, fmt.Errorf("read the deliveries of %s: %w", id, err)
	}
	return row.Notification, row.Domain, all, nil
}

// Notifications returns notifications, newest first, one line for each delivery: of
// one import unless importID is 0, and with deliveries of one status unless it is
// empty.
func (s *Store) Notifications(
	ctx context.Context, importID int64, status string, limit int32,
) ([]ListedNotification, error) {
	params := db.ListNotificationsParams{RowLimit: limit}
	if importID != 0 {
		params.ImportID = &importID
	}
	if status != "" {
		params.Status = &status
	}
	return s.ListNotifications(ctx, params)
}

// RetryNotification makes the deliveries of a notification due at once that were
// given up or wait, and returns how many these are. The error is ErrNotFound if there
// is no such notification.
func (s *Store) RetryNotification(ctx context.Context, id string) (retried int64, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		if _, err := q.NotificationByID(ctx, id); err != nil {
			return found(err, "notification %s", id)
		}
		if retried, err = q.RetryDeliveries(ctx, id); err != nil {
			return fmt.Errorf("retry notification %s: %w", id, err)
		}
		return q.SendNotify(ctx, OutboxChannel, "")
	})
	return retried, err
}

// AnnouncedEnds returns the ends of imports that were announced since a moment of the
// database's clock, oldest first: of one import unless importID is 0.
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
