package dispatch

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/internal/db"
)

// Notification is a notification with the numbers of its jobs. ImportID and Domain are nil if it is about a sync.
type Notification = db.ListNotificationsRow

// NotificationQuery selects notifications: those about imports of the sites with Domains (nil for all, also those about
// syncs), about one import, and older than the one of Before ("" for the newest).
type NotificationQuery = db.ListNotificationsParams

// Notifications returns a page of notifications, newest first.
func (s *Store) Notifications(ctx context.Context, q NotificationQuery) ([]Notification, error) {
	all, err := s.sql.Queries.ListNotifications(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list notifications: %w", err)
	}
	return all, nil
}
