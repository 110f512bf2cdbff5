// Package access is the part of the store that says who may do what: tokens of services, accounts and sessions of
// people, attempts to sign in, the link that creates the first administrator, and the audit. It stores hashes of
// secrets only.
package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// Channel is the PostgreSQL channel that notifies of every change of a token, an account or a session. The payload says
// nothing.
const Channel = "sluice_access"

// Store gives access to tokens, accounts, sessions and the audit. It is safe for concurrent use.
type Store struct {
	*store.Store
	sql *pg.SQL
}

// New returns this view of a store.
func New(s *store.Store) *Store { return &Store{Store: s, sql: s.SQL(pg.Key{})} }

// maxSites bounds the sites that a token or an account is limited to.
const maxSites = 1000

// scopeOf returns the scope of a row.
func scopeOf(all bool, domains []string) roles.Scope {
	if all {
		return roles.AllSites()
	}
	return roles.Sites(domains...)
}

// siteIDs returns the sites of a scope in a transaction, nil for all sites. The error is store.ErrNotFound with the
// first domain that is no site's.
func siteIDs(ctx context.Context, q *db.Queries, scope roles.Scope) ([]int64, error) {
	if scope.All() {
		return nil, nil
	}
	domains := scope.Domains()
	if len(domains) > maxSites {
		return nil, fmt.Errorf("%d sites, want at most %d: %w", len(domains), maxSites, store.ErrLimit)
	}
	rows, err := q.SiteIDsOfDomains(ctx, domains)
	if err != nil {
		return nil, fmt.Errorf("find sites: %w", err)
	}
	ids := make([]int64, 0, len(rows))
	for _, row := range rows {
		ids = append(ids, row.ID)
		domains = slices.DeleteFunc(domains, func(d string) bool { return d == row.Domain })
	}
	if len(domains) > 0 {
		return nil, fmt.Errorf("site %s: %w", domains[0], store.ErrNotFound)
	}
	return ids, nil
}

// pointer returns nil for the empty text.
func pointer(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// seconds returns a duration as PostgreSQL takes it.
func seconds(d time.Duration) float64 { return d.Seconds() }
