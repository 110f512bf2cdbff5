package api

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
)

// reach says how the sites of the caller limit an operation.
type reach struct {
	// name is the value of extensionScope.
	name string
	// parameter is the parameter of the path that says which site it is about; empty for none.
	parameter string
	// site returns the site that the value of the parameter belongs to, "" for none, or store.ErrNotFound. The scope
	// is a part of its query. Nil for an operation that is about no single site.
	site func(ctx context.Context, a *API, value string, scope access.Scope) (string, error)
	// many means that the query of the operation itself is limited: access.RequireScope returns the sites.
	many bool
}

var (
	// reachAll is of what belongs to no site: the caller needs access to all sites.
	reachAll = reach{name: "all"}
	// reachSome is of operations on many sites. Their queries take the sites from access.RequireScope.
	reachSome = reach{name: "some", many: true}
	// reachSite is of operations on {site}.
	reachSite = reach{name: "site", parameter: "site", site: siteInPath}
	// reachImport is of operations on {import}.
	reachImport = reach{name: "import", parameter: "import", site: siteOfImport}
)

func siteInPath(ctx context.Context, a *API, domain string, scope access.Scope) (string, error) {
	if !scope.Has(domain) {
		return "", fmt.Errorf("site %s: %w", domain, store.ErrNotFound)
	}
	site, err := a.cfg.Starter.Store.Imports.Site(ctx, domain)
	return site.Domain, err
}

func siteOfImport(ctx context.Context, a *API, value string, scope access.Scope) (string, error) {
	id, err := strconv.ParseInt(value, 10, 64)
	if err != nil || id < 1 {
		return "", fmt.Errorf("import %q: %w", value, store.ErrNotFound)
	}
	return a.cfg.Starter.Store.Imports.ImportSite(ctx, id, scope.Domains())
}
