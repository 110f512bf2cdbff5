package importing

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// CheckLoaded proves that an import whose parts are all done or skipped has brought something
// in: rows, or days that its source has confirmed as empty. Else the import ends as unchanged,
// by an error of TypeUnchanged, and takes no day. An error of TypeUnfinished says that the store
// has open parts.
func (l *Loading) CheckLoaded(ctx context.Context, ref ImportRef) error {
	if err := l.advance(ctx, ref, importstore.PhaseLoading); err != nil {
		return activities.Failure(err)
	}
	if err := l.Store.Finished(ctx, ref.ImportID); err != nil {
		return activities.Failure(err)
	}
	parts, err := l.Store.ListParts(ctx, ref.ImportID)
	if err != nil {
		return activities.Failure(fmt.Errorf("list parts: %w", err))
	}
	var sums PartResult
	claims, skipped := 0, 0
	for _, p := range parts {
		sums.RowsRead += p.RowsRead
		sums.RowsLeftOut += p.RowsLeftOut
		claims += len(p.ClaimedDays)
		if p.Status == importstore.PartSkipped {
			skipped++
		}
	}
	switch {
	case claims > 0:
		return activities.Failure(l.warnOfEmpty(ctx, ref.ImportID, parts))
	case skipped == len(parts):
		return unchanged("all parts were skipped")
	default:
		return unchanged(nothingLoaded(sums))
	}
}

// unchanged ends an import as unchanged.
func unchanged(reason string) error {
	return temporal.NewNonRetryableApplicationError(reason, activities.TypeUnchanged, nil)
}

// nothingLoaded says why an import has loaded no row although no part of it has failed.
func nothingLoaded(sums PartResult) string {
	switch {
	case sums.RowsRead == 0:
		return "the source has no rows: nothing was loaded and no day is taken"
	case sums.RowsLeftOut == sums.RowsRead:
		return fmt.Sprintf("all %d rows are of days that are imported already or too late: nothing was loaded", sums.RowsRead)
	default:
		return fmt.Sprintf("%d of %d rows are of days that are imported already or too late, the others cannot be loaded: "+
			"nothing was loaded", sums.RowsLeftOut, sums.RowsRead)
	}
}

// warnOfEmpty warns of an import whose visitors have rows and whose breakdowns have none: it
// is more likely that the source has withheld them than that there are none.
func (l *Loading) warnOfEmpty(ctx context.Context, id int64, parts []importstore.Part) error {
	var visitors, others int64
	tables := map[string]bool{}
	for _, p := range parts {
		if p.TableName == schema.Visitors.Name {
			visitors += p.RowsLoaded
			continue
		}
		tables[p.TableName] = true
		others += p.RowsRead
	}
	if visitors == 0 || others > 0 || len(tables) == 0 {
		return nil
	}
	return l.feedback(ctx, id).Warn(ctx, fmt.Sprintf(
		"%s has %d rows, and none of the %d breakdowns has any: check that the source does not withhold them.",
		schema.Visitors.Name, visitors, len(tables)))
}
