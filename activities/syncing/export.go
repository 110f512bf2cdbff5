package syncing

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/warehouse"
)

// Exporter copies the history of syncs to the warehouse, once: what a run has delivered and rejected, when its pages
// are recorded, and the run when it has ended. Any number of workers may do so at the same time, one for each run,
// and any of them may be killed at any point. A range is stored before it is inserted under its token; its rows are
// counted before it is removed from the store; a range that is short or doubled is purged and inserted again.
type Exporter struct {
	Store     *syncstore.Store
	Warehouse *warehouse.Warehouse
}

const (
	// exportRows is the number of rows of an outbox, such as pages, of an insert, which is in memory as a whole.
	exportRows = 100
	// exportRuns is the number of runs that are listed at a time.
	exportRuns = 200
	// exportLease is the lease of a run, exportTimeout bounds its copy.
	exportLease   = 5 * time.Minute
	exportTimeout = 4 * time.Minute
)

// errRepaired means that the warehouse does not have the rows of a range as they were inserted.
var errRepaired = errors.New("its rows were purged and are inserted again by the next attempt")

// Export copies everything that is not in the warehouse. An error about one run does not keep the others from it,
// but the first one about the connection ends the attempt.
func (e *Exporter) Export(ctx context.Context) error {
	var faults []error
	for after := int64(0); ; {
		ids, err := e.Store.Unexported(ctx, after, exportRuns)
		if err != nil {
			return errors.Join(append(faults, err)...)
		}
		for _, id := range ids {
			after = id
			if err := e.run(ctx, id); err != nil {
				faults = append(faults, fmt.Errorf("copy run %d to the warehouse: %w", id, err))
				if warehouse.Unreachable(err) || ctx.Err() != nil {
					return errors.Join(faults...)
				}
			}
		}
		if len(ids) < exportRuns {
			return errors.Join(faults...)
		}
	}
}

// run copies one run, unless another worker does.
func (e *Exporter) run(ctx context.Context, id int64) (err error) {
	release, ok, err := e.Store.LeaseExport(ctx, id, exportLease)
	if err != nil || !ok {
		return err
	}
	defer func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		err = errors.Join(err, release(after))
	}()
	bounded, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	return e.leased(bounded, id)
}

// leased copies one run.
func (e *Exporter) leased(ctx context.Context, id int64) error {
	for {
		export, ok, err := e.Store.ClaimExport(ctx, id, exportRows)
		if err != nil {
			return err
		}
		if !ok {
			return e.ended(ctx, id)
		}
		rows, err := countChanges(export.Rows)
		if err != nil {
			return err
		}
		r := warehouse.SyncRange{
			Sync: export.Range.Sync, RunID: count(id), From: count(export.Range.ExportedSeq) + 1,
			To: count(export.Range.ExportingSeq), StartedAt: export.Range.StartedAt.UTC(),
			Repair: count(export.Range.ExportRepairs),
		}
		insert := func() error { return e.Warehouse.InsertSyncChanges(ctx, r, changeRows(export.Rows)) }
		if err := e.put(ctx, id, export.Range.ExportRepairs, r, rows, insert); err != nil {
			return err
		}
		if err := e.Store.NoteExported(ctx, id, export.Range.ExportingSeq); err != nil {
			return err
		}
	}
}

// put inserts rows of a run, which was repaired so often, unless they are there, and counts them.
func (e *Exporter) put(
	ctx context.Context, id, repairs int64, r warehouse.SyncRange, rows uint64, insert func() error,
) error {
	n, err := e.Warehouse.CountSync(ctx, r)
	if err == nil && n == 0 {
		if err = insert(); err == nil {
			n, err = e.Warehouse.CountSync(ctx, r)
		}
	}
	if err != nil || n == rows {
		return err
	}
	if err := e.Warehouse.PurgeSync(ctx, r); err != nil {
		return err
	}
	if err := e.Store.NoteRepair(ctx, id, repairs); err != nil {
		return err
	}
	return fmt.Errorf("the warehouse has %d rows of %s: want %d: %w", n, r.Token(), rows, errRepaired)
}

// ended copies the row of a run that has ended.
func (e *Exporter) ended(ctx context.Context, id int64) error {
	row, ok, err := e.Store.EndedRun(ctx, id)
	if err != nil || !ok {
		return err
	}
	r := warehouse.SyncRange{
		Sync: row.Sync, RunID: count(id), StartedAt: row.StartedAt.UTC(), Repair: count(row.ExportRepairs),
	}
	insert := func() error { return e.Warehouse.InsertSyncRun(ctx, r, runRow(row)) }
	if err := e.put(ctx, id, row.ExportRepairs, r, 1, insert); err != nil {
		return err
	}
	return e.Store.NoteRunExported(ctx, id)
}

// countChanges returns the number of changes of an outbox, all of which are valid.
func countChanges(outbox []syncstore.OutboxRow) (n uint64, err error) {
	for _, o := range outbox {
		if err := eachChange(o.Changes, func(change) error { n++; return nil }); err != nil {
			return 0, fmt.Errorf("row %d of the outbox: %w", o.Seq, err)
		}
	}
	return n, nil
}

// errEnough ends a sequence that its consumer has left.
var errEnough = errors.New("no further change is wanted")

// changeRows are the changes of an outbox, which countChanges has found valid, as rows.
func changeRows(outbox []syncstore.OutboxRow) iter.Seq[warehouse.SyncChange] {
	return func(yield func(warehouse.SyncChange) bool) {
		for _, o := range outbox {
			index := uint32(0)
			if eachChange(o.Changes, func(c change) error {
				row := warehouse.SyncChange{
					Page: count(o.Page), Seq: count(o.Seq), Index: index, RecordedAt: o.RecordedAt.UTC(), Key: c.Key,
					Outcome: c.Outcome, Consent: string(c.Consent), Stage: string(c.Stage), Reason: c.Reason,
				}
				index++
				if !yield(row) {
					return errEnough
				}
				return nil
			}) != nil {
				return
			}
		}
	}
}

func runRow(r syncstore.EndedRun) warehouse.SyncRun {
	row := warehouse.SyncRun{
		Sync: r.Sync, RunID: count(r.ID), Kind: r.Kind, Status: r.Status, FromKind: r.FromKind,
		FromConnection: r.FromConnection, ListID: r.ListID, ToKind: r.ToKind, ToConnection: r.ToConnection,
		Until: r.Until.UTC(), StartedAt: r.StartedAt.UTC(), EndedAt: r.StartedAt.UTC(), Pages: count(r.Pages),
		Read: count(r.Read), Delivered: count(r.Delivered), Rejected: count(r.Rejected), Skipped: count(r.Skipped),
		Announced: count(r.Announced), SourceCount: optionalCount(r.SourceCount), Difference: optionalCount(r.Difference),
		Error: r.Error, ErrorClass: r.ErrorClass,
	}
	if r.Since != nil {
		row.Since = new(r.Since.UTC())
	}
	if r.EndedAt != nil {
		row.EndedAt = r.EndedAt.UTC()
	}
	return row
}

// count converts a number of the store, which is never negative.
func count(n int64) uint64 { return uint64(max(n, 0)) }

func optionalCount(n *int64) *uint64 {
	if n == nil {
		return nil
	}
	return new(count(*n))
}
