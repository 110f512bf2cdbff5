package syncing

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// NewReject is a record that was rejected.
type NewReject struct {
	Key          string
	Unidentified bool
	// Stage is read, map or write.
	Stage  string
	Reason string
}

// Page is the checkpoint of a page.
type Page struct {
	Cursor json.RawMessage
	// Done means that the window is complete.
	Done                               bool
	Read, Delivered, Rejected, Skipped int64
	// Announced is the number of records that the source has announced for the window, 0 if unknown.
	Announced int64
	Rejects   []NewReject
	// Keys are the records that were delivered, IDs the same with their refs as a compressed set.
	Keys []string
	IDs  []byte
	// Consents is what the delivered records say.
	Consents Consents
	// Changes are the records of the page for the warehouse, as a blob that the store does not read.
	Changes []byte
	// StopAfter is the number of pages in a row that stop the run if they are wholly rejected.
	StopAfter int64
}

// MaxPages is the number of pages of one call of Advance.
const MaxPages = 100

// Advance records successive pages of a run: its cursor, its counts and its rejected records, all or nothing. It
// removes rejects of records that are delivered now. stopped means that the run has stopped, because too many
// pages in a row were wholly rejected: the pages after that are not recorded. The error is store.ErrFenced if a
// later attempt has claimed the run, or the run has ended.
func (s *Store) Advance(ctx context.Context, run Run, pages []Page) (stopped bool, err error) {
	if len(pages) == 0 || len(pages) > MaxPages {
		return false, fmt.Errorf("record %d pages of run %d: want 1 to %d", len(pages), run.ID, MaxPages)
	}
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		at, err := q.LockSyncRun(ctx, run.ID, run.FencingToken)
		if store.NoRows(err) {
			return store.ErrFenced
		}
		if err != nil {
			return err
		}
		a := newAdvance(run, at, pages)
		stopped = a.run.Stopped
		if err := q.AdvanceSyncRun(ctx, a.run); err != nil {
			return err
		}
		if err := q.AddSyncPages(ctx, a.pages); err != nil {
			return err
		}
		if _, err := q.RemoveSyncRejects(ctx, run.Sync, a.delivered); err != nil {
			return err
		}
		if err := addConsents(ctx, q, run.Sync, a.consents...); err != nil {
			return err
		}
		if err := addPageChanges(ctx, q, run.ID, a.changes); err != nil {
			return err
		}
		return addRejects(ctx, q, run.Sync, &run.ID, a.rejects)
	})
	if err != nil {
		return false, fmt.Errorf("record pages of run %d: %w", run.ID, err)
	}
	return stopped, nil
}

// advance is what pages change together.
type advance struct {
	run       db.AdvanceSyncRunParams
	pages     db.AddSyncPagesParams
	delivered []string
	consents  []Consents
	changes   map[int64][]byte
	rejects   []NewReject
}

// newAdvance adds pages up to the one that stops the run.
func newAdvance(run Run, at db.LockSyncRunRow, pages []Page) *advance {
	a := &advance{
		run:     db.AdvanceSyncRunParams{ID: run.ID, Pages: at.Pages, RejectedPages: at.RejectedPages},
		pages:   db.AddSyncPagesParams{RunID: run.ID},
		changes: map[int64][]byte{},
	}
	for _, p := range pages {
		a.add(p)
		if a.run.Stopped {
			break
		}
	}
	return a
}

func (a *advance) add(p Page) {
	r := &a.run
	r.Cursor, r.Done, r.Pages = p.Cursor, p.Done, r.Pages+1
	r.Read, r.Delivered, r.Rejected = r.Read+p.Read, r.Delivered+p.Delivered, r.Rejected+p.Rejected
	r.Skipped, r.Announced = r.Skipped+p.Skipped, max(r.Announced, p.Announced)
	switch {
	case p.Delivered > 0:
		r.RejectedPages = 0
	case p.Rejected > 0:
		r.RejectedPages++
		r.Stopped = !p.Done && r.RejectedPages >= p.StopAfter
	}
	all := &a.pages
	all.Pages, all.Read = append(all.Pages, r.Pages), append(all.Read, p.Read)
	all.Delivered, all.Rejected = append(all.Delivered, p.Delivered), append(all.Rejected, p.Rejected)
	all.Skipped, all.Ids = append(all.Skipped, p.Skipped), append(all.Ids, p.IDs)
	a.changes[r.Pages] = p.Changes
	a.consents = append(a.consents, p.Consents)
	a.delivered = append(a.delivered, p.Keys...)
	// A record of an earlier page may be delivered now.
	if len(a.rejects) > 0 {
		delivered := map[string]bool{}
		for _, key := range p.Keys {
			delivered[key] = true
		}
		a.rejects = slices.DeleteFunc(a.rejects, func(r NewReject) bool { return delivered[r.Key] })
	}
	a.rejects = append(a.rejects, p.Rejects...)
}

func addRejects(ctx context.Context, q *db.Queries, sync string, run *int64, all []NewReject) error {
	if len(all) == 0 {
		return nil
	}
	p := db.AddSyncRejectsParams{Sync: sync, RunID: run}
	// The last reason of a record counts.
	last := map[string]int{}
	for i, r := range all {
		last[r.Key] = i
	}
	for i, r := range all {
		if last[r.Key] != i {
			continue
		}
		p.Keys, p.Unidentified = append(p.Keys, r.Key), append(p.Unidentified, r.Unidentified)
		p.Stages, p.Reasons = append(p.Stages, r.Stage), append(p.Reasons, store.Plain(r.Reason))
	}
	return q.AddSyncRejects(ctx, p)
}
