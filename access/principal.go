package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of authentication and authorisation, to be compared with errors.Is. Their wrappers say what is missing.
var (
	// ErrUnauthenticated is returned without valid credentials: HTTP status 401.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrForbidden is returned if the principal's role or sites do not allow the operation: HTTP status 403.
	ErrForbidden = errors.New("forbidden")
)

// Kind is how a principal has been authenticated.
type Kind string

// Kinds of principals.
const (
	// KindToken is a service with an API token.
	KindToken Kind = "token"
	// KindAccount is a person who is signed in.
	KindAccount Kind = "account"
	// KindLocal is a person on the loopback interface of a machine without any account.
	KindLocal Kind = "local"
	// KindCLI is an operating-system user who has access to the databases.
	KindCLI Kind = "cli"
	// KindSystem is Sluice itself: a schedule, a reconciler, a workflow.
	KindSystem Kind = "system"
)

// Principal is on whose behalf an operation runs. The zero value may do nothing.
type Principal struct {
	// Name of the token, the account or the operating-system user.
	Name string
	Kind Kind
	// ID in the store of the token or account; 0 for other kinds.
	ID int64
	// Role on the sites.
	Role Role
	// Sites that the principal sees.
	Sites Scope
	// ExpiresAt is when the token or the session ends without further use; zero for never.
	ExpiresAt time.Time
}

// CLI returns the principal of the command line: its user has access to the databases, and may do everything.
func CLI(user string) Principal {
	return Principal{Name: user, Kind: KindCLI, Role: RoleAdmin, Sites: AllSites()}
}

// Authorize returns an error that wraps ErrForbidden and says what is missing, unless the principal has the permission
// on the site. The empty domain stands for what belongs to no site. The answer is the same for a site that does not
// exist.
func (p Principal) Authorize(need Permission, site string) error {
	if !p.Role.Allows(need) {
		return fmt.Errorf("%w: %s has the role %s, which does not include the permission %s (want the role %s)",
			ErrForbidden, p, orNone(string(p.Role)), need, rolesWith(need))
	}
	if p.Sites.Has(site) {
		return nil
	}
	if site == "" {
		return fmt.Errorf("%w: %s is limited to %s, and this needs access to all sites", ErrForbidden, p, p.Sites)
	}
	return fmt.Errorf("%w: %s has no access to the site %q", ErrForbidden, p, site)
}

// String returns the kind and the name, for instance `token "ci"`.
func (p Principal) String() string { return fmt.Sprintf("%s %q", orNone(string(p.Kind)), p.Name) }

func orNone(text string) string {
	return cmp.Or(text, "none")
}

type principalKey struct{}

// With returns a context with the principal on whose behalf operations run.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns the context's principal, false without one.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// Require returns nil if the context's principal has the permission on the site, ErrUnauthenticated without a
// principal, and otherwise an error that wraps ErrForbidden. The empty domain stands for what belongs to no site.
func Require(ctx context.Context, need Permission, site string) error {
	p, ok := From(ctx)
	if !ok {
		return fmt.Errorf("%w: this needs the permission %s", ErrUnauthenticated, need)
	}
	return p.Authorize(need, site)
}

// RequireScope is like Require for an operation on many sites, whose query is limited by the returned scope. A
// principal without any site sees an empty list.
func RequireScope(ctx context.Context, need Permission) (Scope, error) {
	p, ok := From(ctx)
	if !ok {
		return Scope{}, fmt.Errorf("%w: this needs the permission %s", ErrUnauthenticated, need)
	}
	if !p.Role.Allows(need) {
		return Scope{}, p.Authorize(need, "")
	}
	return p.Sites, nil
}
