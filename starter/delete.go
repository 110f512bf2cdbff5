package starter

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Delete deletes an import that has ended: its rows become invisible and are purged, then the
// import itself is removed. It returns when the deletion is running; WaitDeleted waits for its end.
// The error is store.ErrConflict if the import has not ended.
func (s *Starter) Delete(ctx context.Context, id int64) error {
	return s.auditedImport(ctx, id, store.AuditEntry{Operation: "import.delete"}, func(ctx context.Context) error {
		return s.delete(ctx, id)
	})
}

func (s *Starter) delete(ctx context.Context, id int64) error {
	imp, err := s.Store.Imports.Import(ctx, id)
	if err != nil {
		return err
	}
	store.NoteChange(ctx, deletedDocument{imp.Source, imp.Label, imp.Status}, nil)
	if imp.Status != importstore.StatusDeleting {
		if !importstore.Ended(imp.Status) {
			return fmt.Errorf("import %d is %s, cancel it first with `sluice import cancel %d`: %w",
				id, imp.Status, id, store.ErrConflict)
		}
		if err := s.Store.Imports.RequestDeletion(ctx, id); err != nil {
			return err
		}
	}
	site, err := s.Store.Imports.SiteByID(ctx, imp.SiteID)
	if err != nil {
		return fmt.Errorf("read the site of import %d: %w", id, err)
	}
	imp, err = s.Store.Imports.Import(ctx, id)
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
	// A repeated request: the workflow may have ended.
	_, err = s.Recover(ctx, id)
	return err
}

// deletedDocument is what the audit says about an import that is deleted.
type deletedDocument struct {
	Source string `json:"source"`
	Label  string `json:"label"`
	Status string `json:"status"`
}

// ForgetImports deletes all imports of a site and returns their numbers: their rows become
// invisible at once, and they are removed one after the other. The error is store.ErrConflict if an
// import has not ended; then none is deleted.
func (s *Starter) ForgetImports(ctx context.Context, domain string) ([]int64, error) {
	entry := store.AuditEntry{Operation: "site.forget_imports", SubjectType: "site", SubjectID: domain, Site: domain}
	return store.AuditedResult(ctx, s.Store.Store, entry, func(ctx context.Context) ([]int64, error) {
		return s.forgetImports(ctx, domain)
	})
}

func (s *Starter) forgetImports(ctx context.Context, domain string) ([]int64, error) {
	site, err := s.Store.Imports.Site(ctx, domain)
	if err != nil {
		return nil, err
	}
	active, err := s.Store.Imports.CountActive(ctx, site.ID)
	if err != nil {
		return nil, fmt.Errorf("count the imports under way: %w", err)
	}
	if active > 0 {
		return nil, fmt.Errorf("%d imports of %s are under way, wait for them or cancel them first: %w",
			active, domain, store.ErrConflict)
	}
	ids, err := s.Store.Imports.EndedImports(ctx, site.ID)
	if err != nil {
		return nil, fmt.Errorf("list the imports: %w", err)
	}
	store.NoteChange(ctx, map[string]any{"imports": ids}, nil)
	for i, id := range ids {
		// Another process may have removed it.
		if err := s.Delete(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			return ids[:i], err
		}
	}
	return ids, nil
}
