package importing

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// NewSite is a site to be added. Only Domain and TimeZone are required.
type NewSite = db.AddSiteParams

// AddSite adds a site. The error is ErrTaken if the domain, or the former domain, of a site is the same.
func (s *Store) AddSite(ctx context.Context, n NewSite) (Site, error) {
	if n.Contacts == nil {
		n.Contacts = []string{}
	}
	var site Site
	err := s.sql.InTx(ctx, func(q *db.Queries) (err error) {
		site, err = q.AddSite(ctx, n)
		return err
	})
	if store.Violates(err, "sites_domain_key") || store.Violates(err, "site_domains_pkey") {
		return Site{}, fmt.Errorf("site %s: %w", n.Domain, store.ErrTaken)
	}
	return site, err
}

// Site returns the site of that domain, or ErrNotFound.
func (s *Store) Site(ctx context.Context, domain string) (Site, error) {
	site, err := s.sql.Queries.SiteByDomain(ctx, domain)
	return site, store.Found(err, "site %s", domain)
}

// NativeStart returns the first day that native data serve, before which imports end: as an operator
// has set it, otherwise that of the site's first event. It is nil before the first event.
func NativeStart(site Site) *calendar.Day { return cmp.Or(site.NativeStart, site.FirstEvent) }

// Import returns the import of that number, or ErrNotFound.
func (s *Store) Import(ctx context.Context, id int64) (Import, error) {
	imp, err := s.sql.Queries.ImportByID(ctx, id)
	return imp, store.Found(err, "import %d", id)
}

// Summary returns one import with its site and sums, or ErrNotFound. Its field Data is nil: Details reads it.
func (s *Store) Summary(ctx context.Context, id int64) (Summary, error) {
	return s.summary(ctx, id, false)
}

// Details returns one import with its site, its sums and its summary for reviewers, or ErrNotFound.
func (s *Store) Details(ctx context.Context, id int64) (Summary, error) {
	return s.summary(ctx, id, true)
}

func (s *Store) summary(ctx context.Context, id int64, data bool) (Summary, error) {
	rows, err := s.sql.Queries.ImportSummaries(ctx, data, []int64{id})
	if err != nil {
		return Summary{}, fmt.Errorf("read import %d: %w", id, err)
	}
	if len(rows) == 0 {
		return Summary{}, fmt.Errorf("import %d: %w", id, store.ErrNotFound)
	}
	return rows[0], nil
}

// ImportSite returns the domain of an import's site, or ErrNotFound if it is not one of the given sites; nil is all
// sites.
func (s *Store) ImportSite(ctx context.Context, id int64, sites []string) (string, error) {
	domain, err := s.sql.Queries.ImportSite(ctx, id, sites)
	return domain, store.Found(err, "import %d", id)
}

// RecordAttemptError notes why the last attempt at something failed, while it is being
// tried again, and tells listeners; "" clears the note. An import that has ended stays
// as it is.
func (s *Store) RecordAttemptError(ctx context.Context, id int64, failure string) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := q.SetAttemptError(ctx, store.Plain(failure), id)
		if err != nil || n == 0 || failure == "" {
			return err
		}
		return s.Announce(ctx, q, id, EventRetrying, failure)
	})
	if err != nil {
		return fmt.Errorf("record the attempt error of import %d: %w", id, err)
	}
	return nil
}

// NotePaused notes whether an import is paused. If it is, none of its parts is being
// loaded.
func (s *Store) NotePaused(ctx context.Context, id int64, paused bool) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.SetPaused(ctx, id, paused); err != nil {
			return fmt.Errorf("note the pause of import %d: %w", id, err)
		}
		if !paused {
			return nil
		}
		if err := q.PendParts(ctx, id); err != nil {
			return fmt.Errorf("note the pause of import %d's parts: %w", id, err)
		}
		return nil
	})
}

// NoteWait records until when and why an import waits for its source. The record is cleared when
// the import continues.
func (s *Store) NoteWait(ctx context.Context, id int64, until time.Time, reason string) error {
	if err := s.sql.Queries.SetWait(ctx, db.SetWaitParams{
		ID: id, WaitUntil: &until, WaitReason: store.Plain(reason),
	}); err != nil {
		return fmt.Errorf("note the wait of import %d: %w", id, err)
	}
	return nil
}

// Recognise notes the fingerprint of what an import is about to read, and returns the
// completed import of its site and source that has brought in all of the same content, if
// there is one. An import of which rows were left out or parts skipped is none: the rest of
// the content may be brought in now.
func (s *Store) Recognise(ctx context.Context, imp Import, fingerprint string) (before int64, found bool, err error) {
	if err := s.sql.Queries.SetFingerprint(ctx, imp.ID, fingerprint); err != nil {
		return 0, false, fmt.Errorf("note the fingerprint of import %d: %w", imp.ID, err)
	}
	return s.FindFingerprint(ctx, imp, fingerprint, true)
}

// NoteWorkflow notes the workflow that carries an import out.
func (s *Store) NoteWorkflow(ctx context.Context, id int64, workflowID, runID string) error {
	if err := s.sql.Queries.SetWorkflow(ctx, db.SetWorkflowParams{
		ID: id, WorkflowID: workflowID, RunID: runID,
	}); err != nil {
		return fmt.Errorf("note the workflow of import %d: %w", id, err)
	}
	return nil
}

// RequestDeletion marks an ended import for deletion. The error is ErrConflict
// if it has not ended.
func (s *Store) RequestDeletion(ctx context.Context, id int64) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := q.StartDeleting(ctx, id)
		return changedOne(n, err, "delete import %d", id)
	})
}

// changedOne turns an update that found no row into ErrConflict.
func changedOne(n int64, err error, format string, args ...any) error {
	if err != nil {
		return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	}
	if n == 0 {
		return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), store.ErrConflict)
	}
	return nil
}
