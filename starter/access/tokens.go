package access

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// NewToken is a token to be created.
type NewToken struct {
	// Name is unique among the valid tokens: 1 to 100 letters, digits, dots, dashes and underscores.
	Name string
	Role access.Role
	// Sites is the scope; the zero value is refused.
	Sites access.Scope
	// Life is how long the token is valid, at least a minute; 0 is for ever.
	Life time.Duration
}

// CreateToken creates a token and returns its secret, which is shown once. The errors are those of
// accessstore.CreateToken and access.ErrForbidden.
func (c *Client) CreateToken(
	ctx context.Context, n NewToken,
) (token accessstore.Token, secret accessstore.Secret, err error) {
	if err := administer(ctx); err != nil {
		return accessstore.Token{}, accessstore.Secret{}, err
	}
	row := accessstore.NewToken{
		Name: n.Name, Role: n.Role, Sites: n.Sites, Life: n.Life, CreatedBy: access.ActorFrom(ctx).Name,
	}
	if err := row.Validate(); err != nil {
		return accessstore.Token{}, accessstore.Secret{}, err
	}
	entry := store.AuditEntry{Operation: "token.create", SubjectType: "token", SubjectID: n.Name}
	err = c.store.Audited(ctx, entry, func(ctx context.Context) (err error) {
		token, secret, err = c.store.CreateToken(ctx, row)
		return err
	})
	return token, secret, err
}

// Tokens returns all tokens other than keys of sites, by name, also those that ended less than 90 days ago.
func (c *Client) Tokens(ctx context.Context) ([]accessstore.Token, error) {
	if err := administer(ctx); err != nil {
		return nil, err
	}
	return c.store.Tokens(ctx)
}

// RevokeToken revokes a token by its name or prefix and returns it. Servers refuse it within a second. It is
// idempotent. The errors are those of accessstore.RevokeToken and access.ErrForbidden.
func (c *Client) RevokeToken(ctx context.Context, name string) (accessstore.Token, error) {
	if err := administer(ctx); err != nil {
		return accessstore.Token{}, err
	}
	entry := store.AuditEntry{Operation: "token.revoke", SubjectType: "token"}
	return store.AuditedResult(ctx, c.store.Store, entry, func(ctx context.Context) (accessstore.Token, error) {
		return c.store.RevokeToken(ctx, name)
	})
}
