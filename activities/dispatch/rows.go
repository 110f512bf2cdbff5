package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// RowCursor is where the next row of an import stands: rows are in the order of parts,
// chunks, and their numbers within a chunk, all from zero.
type RowCursor struct {
	Part  int32 `json:"part"`
	Chunk int32 `json:"chunk"`
	Row   int32 `json:"row"`
}

// PageRequest asks to dispatch some rows of an import, at most MaxPageRows.
type PageRequest struct {
	importing.Outcome
	From RowCursor `json:"from"`
	// Tell is how many rows that cannot be dispatched may be written to the import's log.
	Tell int `json:"tell"`
}

// PageResult is what was dispatched of a page.
type PageResult struct {
	Counts
	// Next is where the next page begins, nil if there are no more rows.
	Next *RowCursor `json:"next,omitempty"`
	// Stopped says why nothing more is to be dispatched although there were more rows.
	Stopped string `json:"stopped,omitempty"`
}

// maxListedChunks is how many chunks are listed at once: many of a few rows are no reason
// for many activities.
const maxListedChunks = 500

// DispatchRows dispatches a page of rows. In memory are the rows of one chunk at most. What
// was dispatched before is recognised by its keys.
func (h *Dispatcher) DispatchRows(ctx context.Context, p PageRequest) (PageResult, error) {
	counts, err := h.dispatchRows(ctx, p)
	return counts, activities.Failure(activities.Cause(ctx, err))
}

func (h *Dispatcher) dispatchRows(ctx context.Context, p PageRequest) (PageResult, error) {
	imp, stopped, err := h.stillThere(ctx, p.Outcome)
	if err != nil || stopped != "" {
		return PageResult{Stopped: stopped}, err
	}
	chunks, err := h.Store.LoadedChunks(ctx, p.ImportID, p.From.Part, p.From.Chunk, maxListedChunks)
	if err != nil {
		return PageResult{}, err
	}
	var page PageResult
	at := p.From
	for _, c := range chunks {
		if c.PartNo != at.Part || c.No != at.Chunk {
			at = RowCursor{Part: c.PartNo, Chunk: c.No}
		}
		want := min(c.RowsLoaded-int64(at.Row), MaxPageRows-page.Rows-page.Missing)
		if want > 0 {
			counts, err := h.dispatchSome(ctx, p, imp, c, at.Row, int(want), p.Tell-page.Told)
			if err != nil {
				return PageResult{}, err
			}
			page.Add(counts)
			at.Row += int32(want)
		}
		if page.Rows+page.Missing >= MaxPageRows {
			page.Next = &at
			break
		}
	}
	if page.Next == nil && len(chunks) == maxListedChunks {
		page.Next = &RowCursor{Part: at.Part, Chunk: at.Chunk + 1}
	}
	if page.Missing > 0 {
		// A deletion takes rows away while they are being read.
		_, stopped, err := h.stillThere(ctx, p.Outcome)
		if err != nil || stopped != "" {
			page.Missing, page.Next, page.Stopped = 0, nil, stopped
			return page, err
		}
	}
	return page, nil
}

// stillThere returns the import, or why its rows are not to be dispatched any more.
func (h *Dispatcher) stillThere(
	ctx context.Context, end importing.Outcome,
) (imp importstore.Import, stopped string, err error) {
	imp, err = h.Store.Import(ctx, end.ImportID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return imp, "the import was deleted", nil
	case err == nil && imp.Status != importstore.StatusCompleted:
		return imp, "the import is " + imp.Status, nil
	default:
		return imp, "", err
	}
}

// dispatchSome dispatches some rows of a chunk, and logs at most limit of those that
// are unfit.
func (h *Dispatcher) dispatchSome(
	ctx context.Context, p PageRequest, imp importstore.Import, c importstore.LoadedChunk, skip int32, want, limit int,
) (Counts, error) {
	table, err := schema.Lookup(c.TableName)
	if err != nil {
		return Counts{}, err
	}
	rows, err := h.Warehouse.ChunkRows(ctx, table, importing.PartKey(imp, c.PartNo), uint32(c.No), int(skip), want)
	if err != nil {
		return Counts{}, err
	}
	events := make([]ImportEvent, len(rows))
	for i, row := range rows {
		if events[i], err = recordOf(p.Outcome, c, int(skip)+i, row); err != nil {
			return Counts{}, err
		}
	}
	added, err := h.Add(ctx, events)
	if err != nil {
		return Counts{}, err
	}
	counts := Counts{Rows: int64(len(rows)), Missing: int64(want - len(rows))}
	for i, a := range added {
		counts.Jobs += int64(a.Jobs)
		if a.Unfit == nil {
			continue
		}
		counts.Unfit++
		if counts.Told >= limit {
			continue
		}
		counts.Told++
		row := fmt.Sprintf("%d/%d/%d", c.PartNo, c.No, int(skip)+i)
		what := fmt.Sprintf("Row %s (part/chunk/row) of %s", row, c.TableName)
		if err := h.tell(ctx, p.Outcome, row, what, a.Unfit); err != nil {
			return Counts{}, err
		}
	}
	return counts, nil
}

// recordOf makes the event of a row, under a key that is the same each time.
func recordOf(end importing.Outcome, c importstore.LoadedChunk, no int, row warehouse.Row) (ImportEvent, error) {
	event, err := flow.ImportRecord{
		ImportID: end.ImportID, Site: end.Site, Importer: end.Importer, Table: c.TableName, Row: row,
	}.Event()
	key := fmt.Sprintf("import/%d/%d/%s/%d/%d/%d", end.ImportID, end.Generation, c.TableName, c.PartNo, c.No, no)
	return ImportEvent{Event: event, Key: key}, err
}

// daysOf returns the days of an import as people write them, "" if there are none.
func daysOf(imp importstore.Import) string {
	if len(imp.Days) == 0 {
		return ""
	}
	return imp.Days.String()
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC())
}
