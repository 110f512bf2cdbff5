package syncing

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Place is a page of a run.
type Place struct {
	Run  int64 `json:"run"`
	Page int64 `json:"page"`
}

// Numbers of sets that are read at a time. A set of a page has its records, one that precedes pages and a part of a
// scan have up to some thousands.
const (
	idsBatch   = 50
	partsBatch = 4
)

// EachIDs calls fn with the compressed set of each page of a sync that no scan has taken over, in order,
// and returns the place of the last.
func (s *Store) EachIDs(ctx context.Context, sync string, fn func(ids []byte) error) (Place, error) {
	var last Place
	for {
		rows, err := s.sql.Queries.SyncPageIDs(ctx, db.SyncPageIDsParams{
			Sync: sync, AfterRun: last.Run, AfterPage: last.Page, RowLimit: idsBatch,
		})
		if err != nil {
			return Place{}, fmt.Errorf("read the delivered records of sync %s: %w", sync, err)
		}
		for _, row := range rows {
			if err := fn(row.Ids); err != nil {
				return Place{}, err
			}
			last = Place{Run: row.RunID, Page: row.Page}
		}
		if len(rows) < idsBatch {
			return last, nil
		}
	}
}

// LastScan returns what the last scan of a sync has found; ok is false if there was none.
func (s *Store) LastScan(ctx context.Context, sync string) (known Known, ok bool, err error) {
	known, err = s.sql.Queries.GetSyncKnown(ctx, sync)
	if store.NoRows(err) {
		return Known{}, false, nil
	}
	if err != nil {
		return Known{}, false, fmt.Errorf("read the last scan of sync %s: %w", sync, err)
	}
	return known, true, nil
}

// KnownPart is some of the records that a scan has kept for the next one.
type KnownPart = db.SyncKnownPart

// BeginScan returns the number of a scan that begins, and removes the parts of scans that have not ended: one that is
// still under way cannot be saved any more.
func (s *Store) BeginScan(ctx context.Context, sync string) (scan int64, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		current, err := lockKnown(ctx, q, sync)
		if err != nil {
			return err
		}
		if err := q.DeleteSyncKnownParts(ctx, sync, current.Scan); err != nil {
			return err
		}
		scan, err = q.NextSyncScan(ctx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("begin a scan of sync %s: %w", sync, err)
	}
	return scan, nil
}

// lockKnown locks a sync until the transaction ends, and returns its last scan, whose number is 0 if there was none.
func lockKnown(ctx context.Context, q *db.Queries, sync string) (Known, error) {
	if _, err := q.LockSync(ctx, sync); err != nil {
		return Known{}, store.Found(err, "sync %s", sync)
	}
	known, err := q.GetSyncKnown(ctx, sync)
	if store.NoRows(err) {
		return Known{}, nil
	}
	return known, err
}

// AddKnownPart adds a part to a scan that is under way.
func (s *Store) AddKnownPart(ctx context.Context, p KnownPart) error {
	if err := s.sql.Queries.AddSyncKnownPart(ctx, db.AddSyncKnownPartParams(p)); err != nil {
		return fmt.Errorf("record part %d of a scan of sync %s: %w", p.Part, p.Sync, err)
	}
	return nil
}

// ErrPartsLost means that the database has not all parts of a scan, or more than it has stored.
var ErrPartsLost = errors.New("parts of the last scan were lost")

// EachKnownPart calls fn with the parts of the last scan of a sync, in order. The error is store.ErrFenced if another
// scan has replaced them, and ErrPartsLost if some are missing.
func (s *Store) EachKnownPart(ctx context.Context, last Known, fn func(KnownPart) error) error {
	for after, n := int64(0), int64(0); ; {
		rows, err := s.sql.Queries.SyncKnownParts(ctx, db.SyncKnownPartsParams{
			Sync: last.Sync, Scan: last.Scan, After: after, RowLimit: partsBatch,
		})
		if err != nil {
			return fmt.Errorf("read the last scan of sync %s: %w", last.Sync, err)
		}
		for _, row := range rows {
			if err := fn(row); err != nil {
				return err
			}
			after = row.Part
		}
		if n += int64(len(rows)); len(rows) == partsBatch {
			continue
		}
		if n != last.Parts {
			return s.lostParts(ctx, last, n)
		}
		return nil
	}
}

// lostParts says why a scan has n parts.
func (s *Store) lostParts(ctx context.Context, last Known, n int64) error {
	current, _, err := s.LastScan(ctx, last.Sync)
	switch {
	case err != nil:
		return err
	case current.Scan != last.Scan:
		return fmt.Errorf("read scan %d of sync %s: %w", last.Scan, last.Sync, store.ErrFenced)
	default:
		return fmt.Errorf("read scan %d of sync %s: it has %d parts: want %d: %w",
			last.Scan, last.Sync, n, last.Parts, ErrPartsLost)
	}
}

// Scanned is the result of a scan.
type Scanned struct {
	Sync string
	// Before is the number of the scan that this one was compared with, 0 for none; Scan is that of this one, and
	// Parts how many were added to it.
	Before, Scan, Parts int64
	// Found, MissingCount and Deleted are numbers of records.
	Found, MissingCount, Deleted int64
	// Exceeded means that nothing was deleted, because too many are missing: what was known before stays.
	Exceeded bool
	// TakenOver is the last page whose set is part of what is known.
	TakenOver Place
	// Gone are the records whose deletion was delivered, Rejects those whose deletion was refused.
	Gone    []string
	Rejects []NewReject
	// Consents is what the deletions say, Changes are their records for the warehouse, with the run.
	Consents Consents
	RunID    int64
	Changes  []byte
}

// ForgetIDs removes what is kept to find deletions in a sync that ignores them. The sets of pages stay as long as a
// search may need them.
func (s *Store) ForgetIDs(ctx context.Context, sync string) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if _, err := lockKnown(ctx, q, sync); err != nil {
			return err
		}
		if err := q.DeleteSyncKnown(ctx, sync); err != nil {
			return err
		}
		if err := q.DeleteSyncKnownParts(ctx, sync, -1); err != nil {
			return err
		}
		err := q.TakeOverSyncPageIDs(ctx, db.TakeOverSyncPageIDsParams{
			Sync: sync, RunID: math.MaxInt64, Page: math.MaxInt64,
		})
		if err != nil {
			return err
		}
		return q.ClearSyncPageIDs(ctx, sync)
	})
	if err != nil {
		return fmt.Errorf("remove the known records of sync %s: %w", sync, err)
	}
	return nil
}

// SaveScan records a scan, and that it has taken over the sets of pages, all or nothing. The error is store.ErrFenced
// if another scan was recorded since it began, or has removed its parts.
func (s *Store) SaveScan(ctx context.Context, n Scanned) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := replaceKnown(ctx, q, n); err != nil {
			return err
		}
		if err := q.ClearSyncPageIDs(ctx, n.Sync); err != nil {
			return err
		}
		if _, err := q.RemoveSyncRejects(ctx, n.Sync, n.Gone); err != nil {
			return err
		}
		if err := addConsents(ctx, q, n.Sync, n.Consents); err != nil {
			return err
		}
		if err := addChanges(ctx, q, n.RunID, 0, n.Changes); err != nil {
			return err
		}
		return addRejects(ctx, q, n.Sync, nil, n.Rejects)
	})
	if err != nil {
		return fmt.Errorf("record a scan of sync %s: %w", n.Sync, err)
	}
	return nil
}

// replaceKnown replaces what is known by what a scan has kept, unless too many records are missing.
func replaceKnown(ctx context.Context, q *db.Queries, n Scanned) error {
	current, err := lockKnown(ctx, q, n.Sync)
	if err != nil {
		return err
	}
	if current.Scan != n.Before {
		return fmt.Errorf("scan %d was recorded since scan %d: %w", current.Scan, n.Before, store.ErrFenced)
	}
	if n.Exceeded {
		n.Scan, n.Parts, n.TakenOver = current.Scan, current.Parts, Place{}
	}
	parts, err := q.CountSyncKnownParts(ctx, n.Sync, n.Scan)
	if err != nil {
		return err
	}
	if parts != n.Parts {
		return fmt.Errorf("scan %d has %d parts: want %d: %w", n.Scan, parts, n.Parts, store.ErrFenced)
	}
	if err := q.SaveSyncKnown(ctx, db.SaveSyncKnownParams{
		Sync: n.Sync, Scan: n.Scan, Parts: n.Parts, Found: n.Found, MissingCount: n.MissingCount, Deleted: n.Deleted,
		Exceeded: n.Exceeded,
	}); err != nil {
		return err
	}
	if n.TakenOver != (Place{}) {
		if err := q.TakeOverSyncPageIDs(ctx, db.TakeOverSyncPageIDsParams{
			Sync: n.Sync, RunID: n.TakenOver.Run, Page: n.TakenOver.Page,
		}); err != nil {
			return err
		}
	}
	return q.DeleteSyncKnownParts(ctx, n.Sync, n.Scan)
}
