package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store/db"
)

// NewImport is an import to be created.
type NewImport = db.CreateImportParams

// AddSite adds a site. The error is ErrTaken if there is one of that domain.
func (s *Store) AddSite(ctx context.Context, domain, timeZone string, nativeStart *calendar.Day) (Site, error) {
	site, err := s.Queries.AddSite(ctx, db.AddSiteParams{Domain: domain, TimeZone: timeZone, NativeStart: nativeStart})
	if violates(err, "sites_domain_key") {
		return Site{}, fmt.Errorf("site %s: %w", domain, ErrTaken)
	}
	return site, err
}

// Site returns the site of that domain, or ErrNotFound.
func (s *Store) Site(ctx context.Context, domain string) (Site, error) {
	site, err := s.SiteByDomain(ctx, domain)
	return site, found(err, "site %s", domain)
}

// Import returns the import of that number, or ErrNotFound.
func (s *Store) Import(ctx context.Context, id int64) (Import, error) {
	imp, err := s.ImportByID(ctx, id)
	return imp, found(err, "import %d", id)
}

// Summary returns one import with its site and sums, or ErrNotFound.
func (s *Store) Summary(ctx context.Context, id int64) (ImportSummary, error) {
	rows, err := s.ImportSummaries(ctx, db.ImportSummariesParams{ImportID: &id, RowLimit: 1})
	if err != nil {
		return ImportSummary{}, err
	}
	if len(rows) == 0 {
		return ImportSummary{}, fmt.Errorf("import %d: %w", id, ErrNotFound)
	}
	return rows[0], nil
}

// Summaries returns imports, newest first: of one site unless domain is empty,
// and those before a number unless beforeID is 0.
func (s *Store) Summaries(ctx context.Context, domain string, beforeID int64, limit int32) ([]ImportSummary, error) {
	params := db.ImportSummariesParams{RowLimit: limit}
	if domain != "" {
		params.SiteDomain = &domain
	}
	if beforeID != 0 {
		params.BeforeID = &beforeID
	}
	return s.ImportSummaries(ctx, params)
}

// CreateImport adds a queued import. Under an idempotency key that the site has
// seen before it returns the import of then, and created = false. The error is
// ErrInProgress if another import of the site is under way; it names that one.
func (s *Store) CreateImport(ctx context.Context, n NewImport) (imp Import, created bool, err error) {
	imp, err = s.Queries.CreateImport(ctx, n)
	switch {
	case err == nil:
		return imp, true, nil
	case violates(err, "imports_site_id_idempotency_key_key"):
		imp, err = s.ImportByIdempotencyKey(ctx, n.SiteID, *n.IdempotencyKey)
		return imp, false, err
	case violates(err, "imports_one_active"):
		return s.explainActive(ctx, n)
	default:
		return Import{}, false, fmt.Errorf("create import: %w", err)
	}
}

// explainActive tells a repeated start, which is no fault, from a second import.
func (s *Store) explainActive(ctx context.Context, n NewImport) (Import, bool, error) {
	active, err := s.ActiveImport(ctx, n.SiteID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Import{}, false, fmt.Errorf("another import has just ended, try again: %w", ErrInProgress)
	}
	if err != nil {
		return Import{}, false, fmt.Errorf("find the active import: %w", err)
	}
	if n.IdempotencyKey != nil && active.IdempotencyKey != nil && *n.IdempotencyKey == *active.IdempotencyKey {
		return active, false, nil
	}
	return Import{}, false, fmt.Errorf("import %d is %s: %w", active.ID, active.Status, ErrInProgress)
}

// EnterPhase moves an import to a phase in the name of a workflow run. An import
// that had failed or was cancelled is reopened if the run is another than the one
// that ended it: somebody has reset the workflow. The error is ErrNotFound if there
// is no such import, ErrConflict if it has ended otherwise, and ErrInProgress if it
// would be reopened while another one of the site is under way.
func (s *Store) EnterPhase(ctx context.Context, id int64, run, status, phase string) error {
	params := db.EnterPhaseParams{ID: id, RunID: run, Status: status, Phase: phase}
	n, err := s.Queries.EnterPhase(ctx, params)
	if err != nil || n == 1 {
		return changedOne(n, err, "import %d: enter %s", id, phase)
	}
	return s.inTx(ctx, func(q *db.Queries) error {
		// Another activity of the run may be reopening it just now: whoever comes
		// second finds it open.
		if _, err := q.LockImport(ctx, id); err != nil {
			return found(err, "import %d", id)
		}
		n, err := q.EnterPhase(ctx, params)
		if err != nil || n == 1 {
			return changedOne(n, err, "import %d: enter %s", id, phase)
		}
		n, err = q.ReopenImport(ctx, run, id)
		if violates(err, "imports_one_active") {
			return fmt.Errorf("import %d cannot be run again: %w", id, ErrInProgress)
		}
		if err := changedOne(n, err, "import %d has ended", id); err != nil {
			return err
		}
		if err := errors.Join(q.DropImportChunks(ctx, id), q.ResetParts(ctx, id)); err != nil {
			return fmt.Errorf("reset the parts of import %d: %w", id, err)
		}
		n, err = q.EnterPhase(ctx, params)
		return changedOne(n, err, "import %d: enter %s", id, phase)
	})
}

// OccupiedDays returns the days that other imports of the site have brought in.
func (s *Store) OccupiedDays(ctx context.Context, siteID, exceptID int64) (calendar.Set, error) {
	sets, err := s.CompletedDays(ctx, siteID, exceptID)
	if err != nil {
		return nil, fmt.Errorf("find the occupied days: %w", err)
	}
	return calendar.NewSet(slices.Concat(sets...)...), nil
}

// CheckDays makes sure that no other import of the site has brought in any of the
// import's days since they were found free: the error is ErrOverlap. As long as
// this import is under way no other one can complete, so that the answer holds.
func (s *Store) CheckDays(ctx context.Context, imp Import) error {
	occupied, err := s.OccupiedDays(ctx, imp.SiteID, imp.ID)
	if err != nil {
		return err
	}
	if free := imp.Days.Minus(occupied); free.Days() != imp.Days.Days() {
		return fmt.Errorf("import %d: %s: %w", imp.ID, imp.Days.Minus(free), ErrOverlap)
	}
	return nil
}

// Finish ends an import. An import that has ended so already stays as it is; the
// error is ErrConflict if it has ended otherwise.
func (s *Store) Finish(ctx context.Context, id int64, status, reason, class string) error {
	n, err := s.FinishImport(ctx, db.FinishImportParams{
		ID: id, Status: status, Reason: plain(reason), ErrorClass: plain(class),
	})
	if err == nil && n == 0 {
		imp, err := s.Import(ctx, id)
		if err != nil || imp.Status == status {
			return err
		}
	}
	return changedOne(n, err, "end import %d as %s", id, status)
}

// NoteTrouble notes why the last attempt at something failed, while it is being
// tried again; "" clears the note. An import that has ended stays as it is.
func (s *Store) NoteTrouble(ctx context.Context, id int64, trouble string) error {
	if err := s.SetTrouble(ctx, plain(trouble), id); err != nil {
		return fmt.Errorf("note the trouble of import %d: %w", id, err)
	}
	return nil
}

// NoteWorkflow notes the workflow that carries an import out.
func (s *Store) NoteWorkflow(ctx context.Context, id int64, workflowID, runID string) error {
	if err := s.SetWorkflow(ctx, db.SetWorkflowParams{ID: id, WorkflowID: workflowID, RunID: runID}); err != nil {
		return fmt.Errorf("note the workflow of import %d: %w", id, err)
	}
	return nil
}

// RequestDeletion marks an ended import for deletion. The error is ErrConflict
// if it has not ended.
func (s *Store) RequestDeletion(ctx context.Context, id int64) error {
	n, err := s.StartDeleting(ctx, id)
	return changedOne(n, err, "delete import %d", id)
}

// changedOne turns an update that found no row into ErrConflict.
func changedOne(n int64, err error, format string, args ...any) error {
	if err != nil {
		return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	}
	if n == 0 {
		return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrConflict)
	}
	return nil
}
