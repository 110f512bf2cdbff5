package googleanalytics4

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// ImportData opens a part. The first chunk sends the first request.
func (g *Importer) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	args, err := decodeStored(imp.Args)
	if err != nil {
		return nil, err
	}
	var what partArgs
	if err := json.Unmarshal(part.Args, &what); err != nil {
		return nil, importers.Permanent(importers.ClassInternal, fmt.Errorf("part arguments: %w", err))
	}
	rep := g.report(what.Report)
	if rep == nil || rep.table != part.Table {
		return nil, importers.Permanent(importers.ClassInternal, fmt.Errorf("part %d has an unknown report", part.No))
	}
	pos, err := parseCursor(from)
	if err != nil {
		return nil, err
	}
	c, err := g.client(ctx, imp, args)
	if err != nil {
		return nil, err
	}
	r := &reader{imp: imp, part: part, report: rep, window: imp.Window, pos: pos}
	r.notes.pos = &r.pos
	days, ok := within(imp.Window, calendar.Range{First: what.Start, Last: what.End})
	if !ok {
		r.pos.rowCount = r.pos.offset // the window is empty: nothing to request
	}
	life, stop := context.WithCancel(ctx)
	r.pages = pages{
		client: c, report: rep, start: days.First.String(), end: days.Last.String(), life: life, stop: stop,
	}
	return r, nil
}

func (g *Importer) report(table string) *report {
	for _, r := range g.reports {
		if r.table.Name == table {
			return r
		}
	}
	return nil
}

// within returns the smallest range that contains the days of both, because requested days cost
// quota.
func within(window calendar.Set, days calendar.Range) (calendar.Range, bool) {
	var both []calendar.Range
	for _, r := range window {
		both = append(both, calendar.Range{First: max(r.First, days.First), Last: min(r.Last, days.Last)})
	}
	return calendar.NewSet(both...).Bounds()
}

// reader reads the rows of one report.
type reader struct {
	imp    importers.Import
	part   importers.Part
	report *report
	window calendar.Set
	pages  pages
	pos    position
	notes  notes
	// rows are the unread rows of the page.
	rows []row
	// ended means that the last response had no rows because the report has ended.
	ended bool
	// told means that the warnings were written.
	told bool
}

// Next fills the chunk with the next rows.
func (r *reader) Next(ctx context.Context, chunk *importers.Chunk) error {
	chunk.Reset()
	if err := ctx.Err(); err != nil {
		return err
	}
	for bytes := int64(0); !r.imp.Chunk.Full(chunk, bytes); {
		more, err := r.fetch(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", r.part.Label, err)
		}
		if !more {
			break
		}
		raw := r.rows[0]
		r.rows = r.rows[1:]
		r.add(chunk, raw)
		r.pos.offset++
		bytes += size(raw)
	}
	// The warnings are written with the last chunk, before its checkpoint: a retry of the chunk may
	// repeat them, but they are not lost. A report without rows has no chunk with rows.
	if r.atEnd() && !r.told && (chunk.RowsRead > 0 || r.pos.offset == 0 || r.ended) {
		if err := r.tell(ctx); err != nil {
			return err
		}
		r.told = true
	}
	if chunk.RowsRead == 0 {
		return io.EOF
	}
	chunk.Next = r.pos.cursor()
	return nil
}

// atEnd reports whether all rows were read.
func (r *reader) atEnd() bool {
	return r.pos.rowCount != unknownRows && r.pos.offset >= r.pos.rowCount
}

// fetch ensures that there is an unread row, and reports whether there is one.
func (r *reader) fetch(ctx context.Context) (bool, error) {
	if len(r.rows) > 0 {
		return true, nil
	}
	if r.atEnd() {
		return false, nil
	}
	got, err := r.pages.get(ctx, r.pos.offset)
	if err != nil {
		return false, err
	}
	if err := warn(ctx, r.imp.Feedback, got.warnings...); err != nil {
		return false, err
	}
	if err := r.short(got.answer); err != nil {
		return false, err
	}
	if r.pos.rowCount != unknownRows && r.pos.rowCount != got.answer.RowCount {
		r.pos.changed = 1
	}
	r.pos.rowCount = max(got.answer.RowCount, r.pos.offset)
	r.rows = got.answer.Rows
	// Surplus rows would produce a cursor beyond the end.
	if left := r.pos.rowCount - r.pos.offset; int64(len(r.rows)) > left {
		r.pos.rowCount = r.pos.offset + int64(len(r.rows))
		r.pos.changed = 1
	}
	r.notes.metadata, r.notes.totals = got.answer.Metadata, got.answer.Totals
	if len(got.answer.Metadata.DataTruncationReasons) > 0 {
		r.pos.truncated = 1
	}
	r.ended = len(r.rows) == 0
	return !r.ended, nil
}

// short rejects a response with fewer rows than it announces, or without the rows that were sent
// before: the response proves nothing, and the request is retried.
func (r *reader) short(a *response) error {
	switch {
	case len(a.Rows) > 0:
		return nil
	case a.RowCount > r.pos.offset:
		return fmt.Errorf("google announces %d rows and sends none from row %d on", a.RowCount, r.pos.offset+1)
	case a.RowCount == 0 && r.pos.offset > 0:
		return fmt.Errorf("google announces no rows, after it has sent %d", r.pos.offset)
	default:
		return nil
	}
}

// Confirmed returns the days that Google's response covers completely: all of the part's, unless
// the report is truncated.
func (r *reader) Confirmed() calendar.Set {
	if !r.atEnd() || r.pos.truncated != 0 {
		return nil
	}
	return r.part.Days
}

var _ importers.Confirmer = (*reader)(nil)

// tell writes the warnings to the feedback.
func (r *reader) tell(ctx context.Context) error {
	for _, w := range r.notes.warnings(r.report) {
		w.Part = r.part.Label
		if err := r.imp.Feedback.WarnPart(ctx, w); err != nil {
			return fmt.Errorf("write feedback: %w", err)
		}
	}
	return nil
}

// Close cancels the running request.
func (r *reader) Close() error {
	r.pages.close()
	return nil
}

// size is the number of bytes of a row's values, which does not depend on the encoding of the
// response.
func size(raw row) int64 {
	n := 0
	for _, list := range [][]value{raw.DimensionValues, raw.MetricValues} {
		for _, v := range list {
			n += len(v.Value)
		}
	}
	return int64(n)
}
