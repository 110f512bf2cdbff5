package starter

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/store"
)

// Delete takes back an import that has ended: its rows go out of sight, are
// purged, and then the import itself is removed. It returns when the deletion is
// under way; WaitDeleted waits for its end. The error is store.ErrConflict if the
// import is still under way.
func (s *Starter) Delete(ctx context.Context, id int64) error {
	imp, err := s.Store.Import(ctx, id)
	if err != nil {
		return err
	}
	if imp.Status != store.StatusDeleting {
		if !store.Ended(imp.Status) {
			return fmt.Errorf("import %d is %s, cancel it first with `sluice import cancel %d`: %w",
				id, imp.Status, id, store.ErrConflict)
		}
		if err := s.Store.RequestDeletion(ctx, id); err != nil {
			return err
		}
	}
	site, err := s.Store.SiteByID(ctx, imp.SiteID)
	if err != nil {
		return fmt.Errorf("read the site of import %d: %w", id, err)
	}
	imp, err = s.Store.Import(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if imp.RunID == "" {
		_, err = s.Launch(ctx, imp, site.Domain)
		return err
	}
	// It was asked for before: its workflow may be gone.
	_, err = s.Recover(ctx, id)
	return err
}

// ForgetImports takes back all imports of a site and returns their numbers: none of them
// is seen from now on, and they are removed one after the other. The error is
// store.ErrConflict if one is under way; then none is taken back.
func (s *Starter) ForgetImports(ctx context.Context, domain string) ([]int64, error) {
	site, err := s.Store.Site(ctx, domain)
	if err != nil {
		return nil, err
	}
	active, err := s.Store.CountActive(ctx, site.ID)
	if err != nil {
		return nil, fmt.Errorf("count the imports under way: %w", err)
	}
	if active > 0 {
		return nil, fmt.Errorf("%d imports of %s are under way, wait for them or cancel them first: %w",
			active, domain, store.ErrConflict)
	}
	ids, err := s.Store.EndedImports(ctx, site.ID)
	if err != nil {
		return nil, fmt.Errorf("list the imports: %w", err)
	}
	for i, id := range ids {
		// One that somebody else has removed meanwhile is gone, as it should be.
		if err := s.Delete(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			return ids[:i], err
		}
	}
	return ids, nil
}
