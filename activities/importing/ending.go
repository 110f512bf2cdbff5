package importing

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Publish completes an import: it verifies once more what the warehouse holds,
// makes it visible in all tables at once and ends the import. Whatever of that has
// happened already happens again to no effect. An import with open parts is refused, with
// TypeUnfinished: its workflow is ahead of a store that was restored. TypeUnverified means that
// the warehouse holds other rows than were recorded: Repair, then publish again.
func (l *Loading) Publish(ctx context.Context, ref ImportRef) (Published, error) {
	s, err := l.read(ctx, ref.ImportID)
	if err != nil {
		return Published{}, activities.Failure(err)
	}
	if err := l.publish(ctx, s, ref.FencingToken); err != nil {
		return Published{}, activities.Failure(err)
	}
	summary, err := l.Store.Summary(ctx, ref.ImportID)
	if err != nil {
		return Published{}, activities.Failure(err)
	}
	outcome, err := l.outcome(ctx, ref.ImportID)
	return Published{
		PartResult: sumsOf(summary), Days: summary.Import.Days.String(), Outcome: outcome,
	}, activities.Failure(err)
}

func (l *Loading) publish(ctx context.Context, s subject, fencingToken int64) error {
	if s.stored.Status == importstore.StatusCompleted {
		return nil
	}
	expected, err := l.expected(ctx, s)
	if err != nil {
		return err
	}
	for _, e := range expected {
		if _, err := l.compare(ctx, s, e); err != nil {
			return err
		}
	}
	if err := claimed(l.Store.ClaimDays(ctx, s.stored.ID, fencingToken)); err != nil {
		return err
	}
	if err := l.Warehouse.PutSites(ctx, []warehouse.Site{{
		ID: uint64(s.site.ID), Domain: s.site.Domain, NativeStart: importstore.NativeStart(s.site),
		Version: uint64(s.site.Version),
	}}); err != nil {
		return err
	}
	if err := l.Warehouse.Show(ctx, uint64(s.site.ID), uint64(s.stored.ID), uint32(s.stored.Generation)); err != nil {
		return err
	}
	return l.Locks.finish(ctx, s.stored.ID, importstore.End{Status: importstore.StatusCompleted})
}

// claimed says what can be done about an import that cannot claim its days.
func claimed(err error) error {
	var overlap *importstore.OverlapError
	if !errors.As(err, &overlap) {
		return err
	}
	return fmt.Errorf("%w; %s", err, remedies(overlap.Holders))
}

// expected returns how many rows each table is to hold of an import that is about to become
// visible.
func (l *Loading) expected(ctx context.Context, s subject) ([]importstore.ExpectedRows, error) {
	// A late attempt must not repair what is being purged.
	if importstore.Ended(s.stored.Status) || s.stored.Status == importstore.StatusDeleting {
		return nil, fmt.Errorf("import %d is %s: %w", s.stored.ID, s.stored.Status, store.ErrConflict)
	}
	// What is open must not be repaired as if it were skipped.
	if err := l.Store.Finished(ctx, s.stored.ID); err != nil {
		return nil, err
	}
	expected, err := l.Store.ExpectedRows(ctx, s.stored.ID)
	if err != nil {
		return nil, fmt.Errorf("add up the rows of import %d: %w", s.stored.ID, err)
	}
	return expected, nil
}

// compare counts the rows of an import in a table. The error is errUnverified if they are not as
// many as were recorded.
func (l *Loading) compare(ctx context.Context, s subject, e importstore.ExpectedRows) (*schema.Table, error) {
	table, err := schema.Lookup(e.TableName)
	if err != nil {
		return nil, err
	}
	rows, err := l.Warehouse.ImportRows(ctx, table, uint64(s.site.ID), uint64(s.stored.ID))
	if err == nil && rows != uint64(e.RowsLoaded) {
		activity.GetLogger(ctx).Warn("counts differ", "table", table.Name, "rows", rows, "recorded", e.RowsLoaded)
		err = fmt.Errorf("%s: %d rows, %d recorded: %w", table.Name, rows, e.RowsLoaded, activities.ErrUnverified)
	}
	return table, err
}

// Repair makes the tables hold the rows of an import that were recorded: it reads again what is
// missing or doubled. It is retried until the counts agree. An import that has completed meanwhile is
// left as it is.
func (l *Loading) Repair(ctx context.Context, ref ImportRef) error {
	s, err := l.loadSubject(ctx, ref.ImportID)
	if err != nil || s.stored.Status == importstore.StatusCompleted {
		return activities.Failure(err)
	}
	expected, err := l.expected(ctx, s)
	for i := 0; err == nil && i < len(expected); i++ {
		err = l.repairTable(ctx, s, expected[i])
	}
	if errors.Is(err, activities.ErrUnverified) {
		// Of another type: no repair of the repair is requested.
		err = errors.New(err.Error())
	}
	return activities.Failure(err)
}

// repairTable counts an import's rows in one table. If something arrived late, from
// an attempt that had been given up, the parts of the table are repaired; those that
// were skipped are purged again.
func (l *Loading) repairTable(ctx context.Context, s subject, e importstore.ExpectedRows) error {
	table, err := l.compare(ctx, s, e)
	if !errors.Is(err, activities.ErrUnverified) {
		return err
	}
	parts, err := l.Store.ListParts(ctx, s.stored.ID)
	if err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	for _, p := range parts {
		if p.TableName != table.Name {
			continue
		}
		if err := l.repairPart(ctx, s, table, p); err != nil {
			return err
		}
	}
	_, err = l.compare(ctx, s, e)
	return err
}

// repairPart makes the warehouse hold what was recorded of a part: its chunks if it is
// done, nothing if it was skipped.
func (l *Loading) repairPart(ctx context.Context, s subject, table *schema.Table, part importstore.Part) error {
	if part.Status == importstore.PartDone {
		return l.loader().Verify(ctx, l.job(s, part))
	}
	return l.Warehouse.PurgePart(ctx, table, PartKey(s.stored, part.No))
}

// PurgeRows hides an import and removes its rows from all tables. Rejects stay,
// so that people can see what was wrong with an import that failed. An import that was
// never planned has no rows.
func (l *Loading) PurgeRows(ctx context.Context, ref ImportRef) (Purged, error) {
	imp, err := l.Store.Import(ctx, ref.ImportID)
	if errors.Is(err, store.ErrNotFound) {
		// A late attempt: it was removed, and its rows before it.
		return Purged{}, nil
	}
	if err == nil {
		err = l.purgeRows(ctx, imp)
	}
	return Purged{
		Untouched: imp.Status == importstore.StatusQueued && imp.Phase == importstore.PhaseQueued,
	}, activities.Failure(err)
}

// Purged is the answer of purge_rows.
type Purged struct {
	// Untouched says that no callback of the importer has begun: it has nothing to clean up.
	Untouched bool `json:"untouched,omitempty"`
}

func (l *Loading) purgeRows(ctx context.Context, imp importstore.Import) error {
	if imp.Status == importstore.StatusCompleted {
		return fmt.Errorf("import %d has completed: %w", imp.ID, store.ErrConflict)
	}
	if parts, err := l.Store.ListParts(ctx, imp.ID); err != nil || len(parts) == 0 {
		return err
	}
	site, id := uint64(imp.SiteID), uint64(imp.ID)
	if err := l.Warehouse.Hide(ctx, site, id, uint32(imp.Generation)); err != nil {
		return err
	}
	// No query sees the rows any more: another import may bring the days in.
	if err := l.Store.ReleaseDays(ctx, imp.ID); err != nil {
		return fmt.Errorf("release the days of import %d: %w", imp.ID, err)
	}
	for _, table := range schema.Imported() {
		if err := l.Warehouse.PurgeRows(ctx, table, site, id); err != nil {
			return err
		}
	}
	return nil
}

// Finish ends an import that did not complete.
func (l *Loading) Finish(ctx context.Context, end Ended) (Finished, error) {
	var err error
	if end.Status != importstore.StatusUnchanged {
		err = l.Store.FailOpenParts(ctx, end.ImportID, end.Reason)
	}
	if err == nil {
		err = l.Locks.finish(ctx, end.ImportID, importstore.End{Status: end.Status, Reason: end.Reason, Class: end.Class})
	}
	if err != nil {
		return Finished{}, activities.Failure(err)
	}
	outcome, err := l.outcome(ctx, end.ImportID)
	return Finished{Outcome: outcome}, activities.Failure(err)
}

// Close records that the workflow has done what follows an import's end.
func (l *Loading) Close(ctx context.Context, ref ImportRef) error {
	return activities.Failure(l.Store.NoteClosed(ctx, ref.ImportID))
}

// Remove deletes an import that is marked for deletion and whose rows are purged, with
// its rejects and its log. One that is gone already stays gone.
func (l *Loading) Remove(ctx context.Context, ref ImportRef) error {
	imp, err := l.Store.Import(ctx, ref.ImportID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && imp.Status != importstore.StatusDeleting {
		err = fmt.Errorf("import %d is %s: %w", imp.ID, imp.Status, store.ErrConflict)
	}
	if err != nil {
		return activities.Failure(err)
	}
	if err := l.Warehouse.PurgeRejects(ctx, uint64(imp.SiteID), uint64(imp.ID)); err != nil {
		return activities.Failure(err)
	}
	_, err = l.Store.DeleteImport(ctx, ref.ImportID)
	return activities.Failure(err)
}
