package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store/db"
)

// OccupiedDays returns the days that other imports of the site have brought in, or
// have claimed: they wait for a decision, or are becoming visible.
func (s *Store) OccupiedDays(ctx context.Context, siteID, exceptID int64) (calendar.Set, error) {
	return occupiedDays(ctx, s.Queries, siteID, exceptID)
}

func occupiedDays(ctx context.Context, q *db.Queries, siteID, exceptID int64) (calendar.Set, error) {
	sets, err := q.TakenDays(ctx, siteID, exceptID)
	if err != nil {
		return nil, fmt.Errorf("find the occupied days: %w", err)
	}
	return calendar.NewSet(slices.Concat(sets...)...), nil
}

// ClaimDays makes the import's days its own until it has ended other than well. It may
// be repeated. The errors are ErrOverlap if another import has brought in or claimed
// some of them since they were found free, and ErrUnlocked if the import goes by another
// grant of its locks.
func (s *Store) ClaimDays(ctx context.Context, id, epoch int64) error {
	return s.inTx(ctx, func(q *db.Queries) error { return claimDays(ctx, q, id, epoch) })
}

func claimDays(ctx context.Context, q *db.Queries, id, epoch int64) error {
	imp, err := q.ImportByID(ctx, id)
	if err != nil {
		return found(err, "import %d", id)
	}
	// Two imports that share their locks may claim at the same time.
	if err := q.LockSite(ctx, imp.SiteID); err != nil {
		return fmt.Errorf("lock the site: %w", err)
	}
	occupied, err := occupiedDays(ctx, q, imp.SiteID, id)
	if err != nil {
		return err
	}
	if free := imp.Days.Minus(occupied); free.Days() != imp.Days.Days() {
		return fmt.Errorf("import %d: %s: %w", id, imp.Days.Minus(free), ErrOverlap)
	}
	n, err := q.ClaimDays(ctx, id, epoch)
	if err != nil {
		return fmt.Errorf("claim days: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("import %d: claim days by grant %d: %w", id, epoch, ErrUnlocked)
	}
	return nil
}
