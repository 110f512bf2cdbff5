package ingesting

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// StoredSites finds sites with a query for each call, for a process that asks once. Servers use Sites.
type StoredSites struct {
	// Store is required.
	Store *ingeststore.Store
}

var _ ingest.Sites = StoredSites{}

// Site returns the site of a domain or of a former domain, or ingest.ErrNoSite. A site whose settings the pipeline
// refuses is an error; servers take no events of it.
func (s StoredSites) Site(ctx context.Context, domain string) (*ingest.Site, error) {
	row, err := s.Store.SiteOfDomain(ctx, domain)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ingest.ErrNoSite
	}
	if err != nil {
		return nil, err
	}
	site, err := complete(row, loadZone)
	if err != nil {
		return nil, fmt.Errorf("the settings of site %s are invalid; servers take no events of it: %w", row.Domain, err)
	}
	return &site, nil
}
