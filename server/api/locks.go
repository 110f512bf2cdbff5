package api

import (
	"context"
	"net/http"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/starter"
)

// locks adds the operations of locks and notifications.
func (a *API) locks() {
	register(a, operation{
		id: "list-locks", method: http.MethodGet, path: "/locks", tag: "locks",
		summary: "List holders and waiters of each resource, in order", need: access.PermissionRead, reach: reachSome,
	}, a.listLocks)
	register(a, operation{
		id: "list-notifications", method: http.MethodGet, path: "/notifications", tag: "notifications",
		summary: "List notifications about imports and syncs, newest first", need: access.PermissionRead, reach: reachSome,
		description: "Those about syncs belong to no site. `list-jobs` with the event of a notification has its deliveries.",
	}, a.listNotifications)
}

type listLocksInput struct {
	Page
	Resource string `query:"resource" maxLength:"300" example:"site:example.com" doc:"Only locks of this resource."`
}

// lockKey is the key of a lock in a listing.
type lockKey struct {
	Resource string `json:"r"`
	Place    int64  `json:"p"`
}

func (a *API) listLocks(ctx context.Context, in *listLocksInput) (*List[starter.Lock], error) {
	read := func(scope access.Scope, after lockKey, limit int) ([]starter.Lock, error) {
		return a.cfg.Starter.Locks(ctx, scope, starter.LockFilter{
			Resource: in.Resource, AfterResource: after.Resource, AfterPlace: after.Place, Limit: limit,
		})
	}
	return scopedPage(ctx, in.Page, read, func(l starter.Lock) lockKey {
		return lockKey{Resource: l.Resource, Place: l.Place}
	})
}

type listNotificationsInput struct {
	Page
	Import int64 `query:"import" minimum:"0" doc:"Only notifications about the import of this ID."`
}

func (a *API) listNotifications(
	ctx context.Context, in *listNotificationsInput,
) (*List[starter.SentNotification], error) {
	read := func(scope access.Scope, before string, limit int) ([]starter.SentNotification, error) {
		return a.cfg.Starter.Notifications(ctx, scope, starter.NotificationFilter{
			ImportID: in.Import, Before: before, Limit: limit,
		})
	}
	return scopedPage(ctx, in.Page, read, func(n starter.SentNotification) string { return n.ID })
}
