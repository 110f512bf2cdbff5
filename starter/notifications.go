package starter

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/access"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// SentNotification is a notification about an import or a sync, with the numbers of its jobs. Fields are only ever
// added.
type SentNotification struct {
	// ID is that of its event.
	ID   string `json:"id"`
	Name string `json:"name"`
	// ImportID and Site are null if it is about a sync.
	ImportID *int64    `json:"import_id"`
	Site     *string   `json:"site"`
	SentAt   time.Time `json:"sent_at"`
	// Jobs is the number of recipients, Delivered of those that have it, Failed of those that will not get it unless an
	// operator retries the job.
	Jobs      int64 `json:"jobs"`
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
}

// NotificationFilter selects notifications.
type NotificationFilter struct {
	// ImportID selects those about an import; 0 for all.
	ImportID int64
	// Before is the ID of the last notification of the page before; "" for the first page.
	Before string
	Limit  int
}

// Notifications returns up to Limit notifications of a scope, newest first. Those about syncs belong to no site.
func (s *Starter) Notifications(
	ctx context.Context, scope access.Scope, f NotificationFilter,
) ([]SentNotification, error) {
	q := dispatchstore.NotificationQuery{Domains: scope.Domains(), Before: f.Before, RowLimit: int32(f.Limit)}
	if f.ImportID != 0 {
		q.ImportID = &f.ImportID
	}
	rows, err := s.Store.Notifications(ctx, q)
	if err != nil {
		return nil, err
	}
	all := make([]SentNotification, len(rows))
	for i, n := range rows {
		all[i] = SentNotification{
			ID: n.ID, Name: n.Name, ImportID: n.ImportID, Site: n.Domain, SentAt: n.ReceivedAt, Jobs: n.Jobs,
			Delivered: n.Delivered, Failed: n.Failed,
		}
	}
	return all, nil
}
