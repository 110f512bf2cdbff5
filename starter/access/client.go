// Package access has the operations on tokens, accounts and the audit, for the command line, the API and the pages.
// Each one checks the context's principal and records its change in the audit.
package access

import (
	"context"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// Client has the operations. It is safe for concurrent use.
type Client struct {
	store     *accessstore.Store
	passwords *accessstore.Passwords
}

// New returns a client of a store.
func New(s *store.Store) *Client {
	return &Client{store: accessstore.New(s), passwords: accessstore.NewPasswords()}
}

// administer returns nil if the context's principal administers all sites: tokens, accounts and the audit belong to no
// site.
func administer(ctx context.Context) error {
	return access.Require(ctx, access.PermissionAdminister, "")
}

// Audit returns a page of the audit, newest first.
func (c *Client) Audit(
	ctx context.Context, f accessstore.AuditFilter, p accessstore.Page,
) ([]accessstore.Entry, error) {
	if err := administer(ctx); err != nil {
		return nil, err
	}
	return c.store.Audit(ctx, f, p)
}
