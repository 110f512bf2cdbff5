package googleanalytics4

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// ImportData opens a part. No request is made before the first chunk is asked for.
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
		return nil, importers.Permanent(importers.ClassInternal, fmt.Errorf("part %d is of no known report", part.No))
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
		r.pos.rowCount = r.pos.offset // no day of the part is wanted: do not ask
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

// within returns the smallest range that holds the days that are in both: days at the ends
// that are not wanted need not be asked, and paid, for.
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
	// rows are those of the page that are still to be read.
	rows []row
	// ended means that the last answer held no rows, because there are no more.
	ended bool
	// told means that the notes were written.
	told bool
}

// Next fills the chunk with the rows that come next.
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
	// The notes are told with the last chunk, before it counts as loaded: they may be told
	// twice, if it has to be read twice, but are not lost. A report without rows has none.
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

// atEnd says whether there are no more rows.
func (r *reader) atEnd() bool {
	return r.pos.rowCount != unknownRows && r.pos.offset >= r.pos.rowCount
}

// fetch makes sure that there is a row to read, and says whether there is.
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
	// More than announced would give a cursor behind the end.
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

// short refuses an answer that holds fewer rows than it announces, or that denies the rows
// which were sent before: it proves nothing, and is asked for again.
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

// Confirmed returns the days that Google has answered for completely: all of the part's,
// unless Google says that the report is truncated.
func (r *reader) Confirmed() calendar.Set {
	if !r.atEnd() || r.pos.truncated != 0 {
		return nil
	}
	return r.part.Days
}

var _ importers.Confirmer = (*reader)(nil)

// tell writes the notes to the feedback.
func (r *reader) tell(ctx context.Context) error {
	for _, w := range r.notes.warnings(r.report) {
		w.Part = r.part.Label
		if err := r.imp.Feedback.WarnPart(ctx, w); err != nil {
			return fmt.Errorf("write feedback: %w", err)
		}
	}
	return nil
}

// Close ends the request under way.
func (r *reader) Close() error {
	r.pages.close()
	return nil
}

// size is how many bytes of the source a row takes: those of its values, which do not
// depend on how an answer is laid out.
func size(raw row) int64 {
	n := 0
	for _, list := range [][]value{raw.DimensionValues, raw.MetricValues} {
		for _, v := range list {
			n += len(v.Value)
		}
	}
	return int64(n)
}
