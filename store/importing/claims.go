package importing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// DayClaim is the days of one table that an import has brought in, or has claimed: it waits for
// a decision, is becoming visible, or is being deleted and still visible. One import has a
// claim for each of its parts that has any days.
type DayClaim = db.ClaimsRow

// ErrNothingLoaded means that an import has no days to claim: no row of it was loaded and no
// day was confirmed as empty.
var ErrNothingLoaded = errors.New("no row was loaded, and the source has confirmed no day as empty")

// OverlapError says which days of which table another import has. It matches ErrOverlap.
type OverlapError struct {
	// ImportID is the import that requested the days.
	ImportID int64
	// Table is the table, Days those days that are refused.
	Table string
	Days  calendar.Set
	// Holders are the claims of other imports that hold them.
	Holders []DayClaim
}

// Error names the table, the days and the imports that have them.
func (e *OverlapError) Error() string {
	ids := convert.Slice(e.Holders, func(h DayClaim) int64 { return h.ImportID })
	slices.Sort(ids)
	holders := ""
	for i, id := range slices.Compact(ids) {
		if i > 0 {
			holders += ", "
		}
		holders += fmt.Sprintf("import %d", id)
	}
	return fmt.Sprintf("import %d: claim %s of %s: %s: %s", e.ImportID, e.Days, e.Table, ErrOverlap, holders)
}

// Unwrap returns ErrOverlap.
func (e *OverlapError) Unwrap() error { return ErrOverlap }

// TakenDays returns the days that claims have in a table.
func TakenDays(claims []DayClaim, table string) calendar.Set {
	var days calendar.Set
	for _, c := range claims {
		if c.TableName == table {
			days = append(days, c.ClaimedDays...)
		}
	}
	return calendar.NewSet(days...)
}

// Holding returns the claims in a table that have any of the days.
func Holding(claims []DayClaim, table string, days calendar.Set) []DayClaim {
	var holders []DayClaim
	for _, c := range claims {
		if c.TableName == table && len(c.ClaimedDays.Both(days)) > 0 {
			holders = append(holders, c)
		}
	}
	return holders
}

// ClaimDays claims the days of an import's parts, each in the part's table. The claims are released
// if the import does not succeed. It is idempotent. The errors are ErrOverlap, as an *OverlapError,
// if another import has imported or claimed some of them in the meantime, ErrNothingLoaded if there
// are none, ErrUnfinished if a part is neither done nor skipped, and ErrUnlocked if the import no
// longer holds the grant of its locks.
func (s *Store) ClaimDays(ctx context.Context, id, fencingToken int64) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error { return claimDays(ctx, q, id, fencingToken) })
}

func claimDays(ctx context.Context, q *db.Queries, id, fencingToken int64) error {
	imp, err := q.ImportByID(ctx, id)
	if err != nil {
		return store.Found(err, "import %d", id)
	}
	// Two imports that share their locks may claim at the same time.
	if err := q.LockSite(ctx, imp.SiteID); err != nil {
		return fmt.Errorf("lock the site: %w", err)
	}
	others, err := q.Claims(ctx, imp.SiteID, id)
	if err != nil {
		return fmt.Errorf("find the claims of other imports: %w", err)
	}
	parts, err := q.ListParts(ctx, id)
	if err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	if err := finished(id, parts); err != nil {
		return err
	}
	var all calendar.Set
	for _, p := range parts {
		if p.Status != PartDone {
			continue
		}
		all = append(all, p.ClaimedDays...)
		if both := p.ClaimedDays.Both(TakenDays(others, p.TableName)); len(both) > 0 {
			return &OverlapError{
				ImportID: id, Table: p.TableName, Days: both, Holders: Holding(others, p.TableName, both),
			}
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("import %d: claim days: %w", id, ErrNothingLoaded)
	}
	n, err := q.ClaimDays(ctx, db.ClaimDaysParams{ID: id, FencingToken: fencingToken, Days: calendar.NewSet(all...)})
	if err != nil {
		return fmt.Errorf("claim days: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("import %d: claim days by grant %d: %w", id, fencingToken, ErrUnlocked)
	}
	return nil
}

// Finished returns ErrUnfinished unless an import has parts and each is done or skipped. The
// store may have been restored to a time at which its workflow was not as far as now.
func (s *Store) Finished(ctx context.Context, id int64) error {
	parts, err := s.sql.Queries.ListParts(ctx, id)
	if err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	return finished(id, parts)
}

func finished(id int64, parts []Part) error {
	if len(parts) == 0 {
		return fmt.Errorf("import %d has no parts: %w", id, ErrUnfinished)
	}
	open := 0
	for _, p := range parts {
		if p.Status != PartDone && p.Status != PartSkipped {
			open++
		}
	}
	if open > 0 {
		return fmt.Errorf("import %d: %d of %d parts are neither done nor skipped: %w", id, open, len(parts), ErrUnfinished)
	}
	return nil
}
