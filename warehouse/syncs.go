package warehouse

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// SyncRun is a row of the table sync_runs: a run of a list sync that has ended.
type SyncRun struct {
	Sync                             string
	RunID                            uint64
	Kind, Status                     string
	FromKind, FromConnection, ListID string
	ToKind, ToConnection             string
	Since                            *time.Time
	Until, StartedAt, EndedAt        time.Time
	Pages, Read, Delivered, Rejected uint64
	Skipped, Announced               uint64
	SourceCount, Difference          *uint64
	Error, ErrorClass                string
}

// SyncChange is a row of the table sync_changes: a record that a run has delivered, rejected or deleted.
type SyncChange struct {
	Page, Seq  uint64
	Index      uint32
	RecordedAt time.Time
	// Key is the ID of the record at its source.
	Key string
	// Outcome is delivered, rejected or deleted; Consent is in, out, forced or empty.
	Outcome, Consent string
	Stage, Reason    string
}

// SyncRange is a range of the history of a run, which is inserted at once.
type SyncRange struct {
	Sync  string
	RunID uint64
	// From and To are the first and the last Seq; both are 0 for the row of the run itself.
	From, To  uint64
	StartedAt time.Time
	// Repair counts the purges of ranges of the run: an insert after a purge needs a new token.
	Repair uint64
}

// Token is the deduplication token of the range.
func (r SyncRange) Token() string {
	return fmt.Sprintf("sync/%d/%d-%d#%d", r.RunID, r.From, r.To, r.Repair)
}

var (
	syncRuns = LogTable{Name: "sync_runs", Columns: []string{
		"sync", "run_id", "kind", "status", "from_kind", "from_connection", "list_id", "to_kind", "to_connection", "since",
		"until", "started_at", "ended_at", "pages", "read", "delivered", "rejected", "skipped", "announced",
		"source_count", "difference", "error", "error_class",
	}}
	syncChanges = LogTable{Name: "sync_changes", Columns: []string{
		"sync", "run_id", "page", "seq", "idx", "started_at", "recorded_at", "key", "outcome", "consent", "stage", "reason",
	}}
)

// InsertSyncRun inserts the row of a run. Like InsertSyncChanges it may be repeated.
func (w *Warehouse) InsertSyncRun(ctx context.Context, r SyncRange, run SyncRun) error {
	return w.insertBlock(ctx, syncRuns, r.Token(), func(yield func([]any) bool) {
		yield([]any{
			run.Sync, run.RunID, run.Kind, run.Status, run.FromKind, run.FromConnection, run.ListID, run.ToKind,
			run.ToConnection, run.Since, run.Until, run.StartedAt, run.EndedAt, run.Pages, run.Read, run.Delivered,
			run.Rejected, run.Skipped, run.Announced, run.SourceCount, run.Difference, run.Error, run.ErrorClass,
		})
	}, w.batchLog)
}

// InsertSyncChanges inserts the rows of a range in one block, which becomes one part: all rows or none. After an
// error that is not an Exception, the outcome is unknown; a repeated call with the same range is safe.
func (w *Warehouse) InsertSyncChanges(ctx context.Context, r SyncRange, rows iter.Seq[SyncChange]) error {
	return w.insertBlock(ctx, syncChanges, r.Token(), func(yield func([]any) bool) {
		for c := range rows {
			if !yield([]any{
				r.Sync, r.RunID, c.Page, c.Seq, c.Index, r.StartedAt, c.RecordedAt, c.Key, c.Outcome, c.Consent, c.Stage,
				c.Reason,
			}) {
				return
			}
		}
	}, w.batchLog)
}

// CountSync counts the rows of a range.
func (w *Warehouse) CountSync(ctx context.Context, r SyncRange) (uint64, error) {
	table, where, parameters := r.rows()
	var n uint64
	query := "SELECT count() FROM " + table + " WHERE " + where
	if err := w.conn.QueryRow(w.consistent(ctx), query, parameters...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count rows of %s: %w", table, err)
	}
	return n, nil
}

// PurgeSync deletes the rows of a range, and returns after the deletion.
func (w *Warehouse) PurgeSync(ctx context.Context, r SyncRange) error {
	table, where, parameters := r.rows()
	return w.purge(ctx, table, where, parameters)
}

// rows returns the table and the condition of a range.
func (r SyncRange) rows() (table, where string, parameters []any) {
	where = "sync = {sync:String} AND run_id = {run:UInt64}"
	parameters = []any{named("sync", r.Sync), named("run", r.RunID)}
	if r.To == 0 {
		return syncRuns.Name, where, parameters
	}
	where += " AND seq BETWEEN {from:UInt64} AND {to:UInt64}"
	return syncChanges.Name, where, append(parameters, named("from", r.From), named("to", r.To))
}
