package access

import (
	"context"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// CreateSiteKey creates a key of a site's authorised senders: a token of access.RoleIngest. The secret is shown once.
// The errors are those of ingeststore.CreateKey and access.ErrForbidden.
func (c *Client) CreateSiteKey(
	ctx context.Context, domain, label string,
) (key ingeststore.Key, secret accessstore.Secret, err error) {
	if err := access.Require(ctx, access.PermissionAdminister, domain); err != nil {
		return ingeststore.Key{}, accessstore.Secret{}, err
	}
	entry := store.AuditEntry{Operation: "site.key.create", SubjectType: "key", Site: domain}
	err = c.store.Audited(ctx, entry, func(ctx context.Context) (err error) {
		key, secret, err = c.keys().CreateKey(ctx, domain, label)
		return err
	})
	return key, secret, err
}

// SiteKeys returns the keys of a site, also those that were revoked less than 90 days ago, the oldest first.
func (c *Client) SiteKeys(ctx context.Context, domain string) ([]ingeststore.Key, error) {
	if err := access.Require(ctx, access.PermissionAdminister, domain); err != nil {
		return nil, err
	}
	return c.keys().Keys(ctx, domain)
}

// RevokeSiteKey revokes the key of a site with a prefix. It is idempotent. The errors are those of
// ingeststore.RevokeKey and access.ErrForbidden.
func (c *Client) RevokeSiteKey(ctx context.Context, domain, prefix string) (ingeststore.Key, error) {
	if err := access.Require(ctx, access.PermissionAdminister, domain); err != nil {
		return ingeststore.Key{}, err
	}
	entry := store.AuditEntry{Operation: "site.key.revoke", SubjectType: "key", SubjectID: prefix, Site: domain}
	return store.AuditedResult(ctx, c.store.Store, entry, func(ctx context.Context) (ingeststore.Key, error) {
		return c.keys().RevokeKey(ctx, domain, prefix)
	})
}

func (c *Client) keys() *ingeststore.Store { return ingeststore.New(c.store.Store) }
