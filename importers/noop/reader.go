package noop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// RowBytes is the size of a row in Part.Bytes, Chunk.Bytes and ChunkLimit.Bytes: its size in
// the warehouse.
const RowBytes = 2 + 5*8

// Row is a generated row of imported_visitors.
type Row struct {
	Day                                                 calendar.Day
	Visitors, Pageviews, Bounces, Visits, VisitDuration uint64
}

// Row returns the i-th row of the import, from 0. Rows differ from each other
// in their visitors, i+1, so that a missing or duplicate row changes a sum.
func (a Args) Row(i int64) Row {
	n := uint64(i) + 1
	return Row{
		Day:      a.StartDate + calendar.Day(i%int64(a.days().Days())),
		Visitors: n, Pageviews: 3 * n, Bounces: n % 2, Visits: 2 * n, VisitDuration: 60 * n,
	}
}

// span holds the arguments of a part: the rows from First up to, but excluding, End.
type span struct {
	First int64 `json:"first"`
	End   int64 `json:"end"`
}

// ImportData opens a part. A cursor is the number of the next row.
func (n *Importer) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	if err := n.hook(ctx, imp, ImportData); err != nil {
		return nil, err
	}
	args, err := stored(imp)
	if err != nil {
		return nil, err
	}
	var rows span
	if err := json.Unmarshal(part.Args, &rows); err != nil {
		return nil, importers.Permanent(importers.ClassInternal, fmt.Errorf("part arguments: %w", err))
	}
	r := &reader{args: args, imp: imp, part: part, label: part.Label, rows: rows, next: rows.First}
	if from != "" {
		next, err := strconv.ParseInt(string(from), 10, 64)
		if err != nil || next < rows.First || next > rows.End {
			return nil, importers.Permanent(importers.ClassInternal, errors.New("the cursor does not belong to this part"))
		}
		r.next = next
	}
	return r, nil
}

// reader generates the rows of one part.
type reader struct {
	args  Args
	imp   importers.Import
	part  importers.Part
	label string
	rows  span
	next  int64
}

// Data returns Args.Data.
func (r *reader) Data() (json.RawMessage, error) { return r.args.Data, nil }

// Next fills the chunk with the next rows.
func (r *reader) Next(ctx context.Context, chunk *importers.Chunk) error {
	chunk.Reset()
	if r.next == r.rows.End {
		return io.EOF
	}
	if err := wait(ctx, r.args); err != nil {
		return err
	}
	for start := r.next; r.next < r.rows.End && !r.imp.Chunk.Full(chunk, (r.next-start)*RowBytes); r.next++ {
		// Check often enough to stop promptly, and rarely enough to be cheap.
		if r.next%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		r.add(chunk)
	}
	chunk.Bytes = (r.next - r.rows.First) * RowBytes
	chunk.Next = importers.Cursor(strconv.FormatInt(r.next, 10))
	return nil
}

// add adds the row r.next to the chunk as a reject, as out of range or as a row to load.
func (r *reader) add(chunk *importers.Chunk) {
	chunk.RowsRead++
	if r.next < r.args.BadRows {
		chunk.Rejects = append(chunk.Rejects, importers.NewReject(r.label, r.next-r.rows.First+1, "visitors",
			"invalid row as configured: lower bad_rows", strconv.AppendInt(nil, r.next, 10)))
		return
	}
	row := r.args.Row(r.next)
	if !r.imp.Window.Contains(row.Day) {
		chunk.LeaveOut(r.part, row.Day)
		return
	}
	b := chunk.Rows
	b.SetDate(colDate, uint16(row.Day))
	b.SetUint64(colVisitors, row.Visitors)
	b.SetUint64(colPageviews, row.Pageviews)
	b.SetUint64(colBounces, row.Bounces)
	b.SetUint64(colVisits, row.Visits)
	b.SetUint64(colVisitDuration, row.VisitDuration)
	b.EndRow()
}

// Confirmed returns all days of the part, because generated rows are complete.
func (r *reader) Confirmed() calendar.Set { return r.part.Days }

var _ importers.Confirmer = (*reader)(nil)

// Close does nothing.
func (*reader) Close() error { return nil }

// Positions of the columns in imported_visitors.
var (
	colDate          = schema.Visitors.Index("date")
	colVisitors      = schema.Visitors.Index("visitors")
	colPageviews     = schema.Visitors.Index("pageviews")
	colBounces       = schema.Visitors.Index("bounces")
	colVisits        = schema.Visitors.Index("visits")
	colVisitDuration = schema.Visitors.Index("visit_duration")
)
