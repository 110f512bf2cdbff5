package importing

import (
	"context"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// CheckRoom says by store.ErrLimit that a site has as many imports as it may. It reserves
// nothing: an import that is created later may find the place taken.
func (s *Store) CheckRoom(ctx context.Context, siteID, most int64) error {
	return checkRoom(ctx, s.sql.Queries, NewImport{
		ImportFields: ImportFields{SiteID: siteID}, MaxPerSite: most,
	})
}

// FindFingerprint returns the completed import of the same site, source and fingerprint,
// if there is one: with allOfIt only one of which no row was left out and no part skipped.
// Unlike Recognise it notes nothing.
func (s *Store) FindFingerprint(
	ctx context.Context, imp Import, fingerprint string, allOfIt bool,
) (before int64, found bool, err error) {
	before, err = s.sql.Queries.ImportedBefore(ctx, db.ImportedBeforeParams{
		SiteID: imp.SiteID, Source: imp.Source, Fingerprint: fingerprint, ExceptID: imp.ID, AllOfIt: allOfIt,
	})
	if store.NoRows(err) {
		return 0, false, nil
	}
	return before, err == nil, err
}
