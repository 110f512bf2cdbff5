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
	scope, err := access.RequireScope(ctx, access.PermissionRead)
	if err != nil {
		return nil, err
	}
	var after lockKey
	if err := in.after("list-locks", &after); err != nil {
		return nil, err
	}
	locks, err := a.cfg.Starter.Locks(ctx, scope, starter.LockFilter{
		Resource: in.Resource, AfterResource: after.Resource, AfterPlace: after.Place, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, err
	}
	return paged(ctx, in.Page, "list-locks", locks, func(l starter.Lock) any {
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
	scope, err := access.RequireScope(ctx, access.PermissionRead)
	if err != nil {
		return nil, err
	}
	var before string
	if err := in.after("list-notifications", &before); err != nil {
		return nil, err
	}
	all, err := a.cfg.Starter.Notifications(ctx, scope, starter.NotificationFilter{
		ImportID: in.Import, Before: before, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, err
	}
	return paged(ctx, in.Page, "list-notifications", all, func(n starter.SentNotification) any { return n.ID })
}
