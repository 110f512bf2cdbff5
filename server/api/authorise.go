package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
)

// Authenticator finds out on whose behalf a request is.
type Authenticator interface {
	// Authenticate returns the principal of a request, or an error that wraps access.ErrUnauthenticated. It is called
	// concurrently.
	Authenticate(r *http.Request) (access.Principal, error)
}

// securityToken and securitySession are the names of the security schemes in the document.
const (
	securityToken   = "token"
	securitySession = "session"
)

// authorised answers a request itself unless its principal may do the operation, and says who acts. Roles come first,
// so that a refusal does not tell what exists.
func (a *API) authorised(o operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		request := access.WithActor(r.Context(), access.Actor{
			Door: doorOf(r.Context()), Address: a.addressOf(r), RequestID: requestIDOf(r.Context()),
		})
		if o.audience != audienceEverybody {
			principal, err := a.principalOf(r)
			if err != nil {
				a.refuse(ctx, err)
				return
			}
			request = access.With(request, principal)
			if err := a.authorise(request, o, principal, r); err != nil {
				a.refuse(ctx, err)
				return
			}
		}
		next(humago.NewContext(ctx.Operation(), withExchange(r.WithContext(request), w, o.id), w))
	}
}

// principalOf returns who a request is from. A page has found it out for itself: its requests to the API do not ask
// again.
func (a *API) principalOf(r *http.Request) (access.Principal, error) {
	if principal, known := access.From(r.Context()); known && doorOf(r.Context()) == access.DoorPage {
		return principal, nil
	}
	return a.cfg.Authenticator.Authenticate(r)
}

// authorise returns why a principal may not do an operation. What is not on a site of the principal does not exist.
func (a *API) authorise(ctx context.Context, o operation, principal access.Principal, r *http.Request) error {
	if o.audience != "" {
		return nil
	}
	if !principal.Role.Allows(o.need) {
		return principal.Authorize(o.need, "")
	}
	if err := storable(r); err != nil {
		return err
	}
	switch {
	case o.reach.many:
		return nil
	case o.reach.site == nil:
		return principal.Authorize(o.need, "")
	}
	value := r.PathValue(o.reach.parameter)
	site, err := o.reach.site(ctx, a, value, principal.Sites)
	if err != nil {
		return err
	}
	if err := principal.Authorize(o.need, site); err != nil {
		return errors.Join(store.ErrNotFound, err)
	}
	return nil
}

type pageKey struct{}

// FromPage returns a context for a request that a page of the server makes for the browser that it answers. The audit
// records the changes of such a request under access.DoorPage. The request is from the principal of the context, if it
// has one; otherwise it needs the cookie of the browser like any other.
func FromPage(ctx context.Context) context.Context {
	return context.WithValue(ctx, pageKey{}, true)
}

// doorOf returns the door of a request.
func doorOf(ctx context.Context) access.Door {
	if page, _ := ctx.Value(pageKey{}).(bool); page { //nolint:errcheck // false without one
		return access.DoorPage
	}
	return access.DoorAPI
}

// addressOf returns the address of the client of a request, or "".
func (a *API) addressOf(r *http.Request) string {
	return a.cfg.Address(r)
}

// by names the principal of a request to an operation of package starter.
func by(ctx context.Context, why string) starter.By {
	principal, _ := access.From(ctx)
	return starter.By{Who: principal.Name, Why: why}
}
