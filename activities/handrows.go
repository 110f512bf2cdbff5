package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
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

// HandoverPage asks to hand over some rows of an import, at most MaxHandedRows.
type HandoverPage struct {
	Handover
	From RowCursor `json:"from"`
	// Tell is how many rows that cannot be handed over may be written to the import's log.
	Tell int `json:"tell"`
}

// HandedPage is what was handed over of a page.
type HandedPage struct {
	HandedOver
	// Next is where to go on, nil if there are no more rows.
	Next *RowCursor `json:"next,omitempty"`
	// Stopped says why nothing more is to be handed over although there were more rows.
	Stopped string `json:"stopped,omitempty"`
}

// maxListedChunks is how many chunks are listed at once: many of a few rows are no reason
// for many activities.
const maxListedChunks = 500

// HandOverRows hands over a page of rows. In memory are the rows of one chunk at most. What
// was handed over before is recognised by its keys.
func (h *Handovers) HandOverRows(ctx context.Context, p HandoverPage) (HandedPage, error) {
	handed, err := h.handOverRows(ctx, p)
	return handed, failure(causeOf(ctx, err))
}

func (h *Handovers) handOverRows(ctx context.Context, p HandoverPage) (HandedPage, error) {
	imp, stopped, err := h.stillThere(ctx, p.Handover)
	if err != nil || stopped != "" {
		return HandedPage{Stopped: stopped}, err
	}
	chunks, err := h.Store.LoadedChunks(ctx, p.ImportID, p.From.Part, p.From.Chunk, maxListedChunks)
	if err != nil {
		return HandedPage{}, err
	}
	var page HandedPage
	at := p.From
	for _, c := range chunks {
		if c.PartNo != at.Part || c.No != at.Chunk {
			at = RowCursor{Part: c.PartNo, Chunk: c.No}
		}
		want := min(c.RowsLoaded-int64(at.Row), MaxHandedRows-page.Rows-page.Missing)
		if want > 0 {
			handed, err := h.handOverSome(ctx, p, imp, c, at.Row, int(want), p.Tell-page.Told)
			if err != nil {
				return HandedPage{}, err
			}
			page.Add(handed)
			at.Row += int32(want)
		}
		if page.Rows+page.Missing >= MaxHandedRows {
			page.Next = &at
			break
		}
	}
	if page.Next == nil && len(chunks) == maxListedChunks {
		page.Next = &RowCursor{Part: at.Part, Chunk: at.Chunk + 1}
	}
	if page.Missing > 0 {
		// A deletion takes rows away while they are being read.
		_, stopped, err := h.stillThere(ctx, p.Handover)
		if err != nil || stopped != "" {
			page.Missing, page.Next, page.Stopped = 0, nil, stopped
			return page, err
		}
	}
	return page, nil
}

// stillThere returns the import, or why its rows are not to be handed over any more.
func (h *Handovers) stillThere(ctx context.Context, end Handover) (imp store.Import, stopped string, err error) {
	imp, err = h.Store.Import(ctx, end.ImportID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return imp, "the import was deleted", nil
	case err == nil && imp.Status != store.StatusCompleted:
		return imp, "the import is " + imp.Status, nil
	default:
		return imp, "", err
	}
}

// handOverSome hands over some rows of a chunk, and tells about at most tell of those that
// are unfit.
func (h *Handovers) handOverSome(
	ctx context.Context, p HandoverPage, imp store.Import, c store.LoadedChunk, skip int32, want, tell int,
) (HandedOver, error) {
	table, err := schema.Lookup(c.TableName)
	if err != nil {
		return HandedOver{}, err
	}
	rows, err := h.Warehouse.ChunkRows(ctx, table, partKey(imp, c.PartNo), uint32(c.No), int(skip), want)
	if err != nil {
		return HandedOver{}, err
	}
	events := make([]ImportEvent, len(rows))
	for i, row := range rows {
		if events[i], err = recordOf(p.Handover, c, int(skip)+i, row); err != nil {
			return HandedOver{}, err
		}
	}
	added, err := h.Add(ctx, events)
	if err != nil {
		return HandedOver{}, err
	}
	handed := HandedOver{Rows: int64(len(rows)), Missing: int64(want - len(rows))}
	for i, a := range added {
		handed.Jobs += int64(a.Jobs)
		if a.Unfit == nil {
			continue
		}
		handed.Unfit++
		if handed.Told >= tell {
			continue
		}
		handed.Told++
		row := fmt.Sprintf("%d/%d/%d", c.PartNo, c.No, int(skip)+i)
		what := fmt.Sprintf("Row %s (part/chunk/row) of %s", row, c.TableName)
		if err := h.tell(ctx, p.Handover, row, what, a.Unfit); err != nil {
			return HandedOver{}, err
		}
	}
	return handed, nil
}

// recordOf makes the event of a row, under a key that is the same each time.
func recordOf(end Handover, c store.LoadedChunk, no int, row warehouse.Row) (ImportEvent, error) {
	event, err := flow.ImportRecord{
		ImportID: end.ImportID, Site: end.Site, Importer: end.Importer, Table: c.TableName, Row: row,
	}.Event()
	key := fmt.Sprintf("import/%d/%d/%s/%d/%d/%d", end.ImportID, end.Generation, c.TableName, c.PartNo, c.No, no)
	return ImportEvent{Event: event, Key: key}, err
}

// daysOf returns the days of an import as people write them, "" if there are none.
func daysOf(imp store.Import) string {
	if len(imp.Days) == 0 {
		return ""
	}
	return imp.Days.String()
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
