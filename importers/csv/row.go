package csv

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv/record"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// addRow adds the current record to the chunk: as a reject if any value is invalid, as out of range
// or left out by its date, otherwise as a row to load. An invalid row is thus a reject whatever its
// date; the reason names its first invalid value from the left.
func (r *reader) addRow(chunk *importers.Chunk) error {
	n := r.scan.Len()
	if n < r.named || n > len(r.columns) {
		return r.addMiscounted(chunk)
	}
	chunk.RowsRead++
	b := chunk.Rows
	for i := range n {
		c, v := &r.columns[i], r.scan.Field(i)
		var ok bool
		switch c.kind {
		case schema.KindUint64:
			var n uint64
			if n, ok = parseUint(v); ok {
				b.SetUint64(c.index, n)
			}
		case schema.KindString:
			if ok = isText(v); ok {
				b.SetString(c.index, v)
			}
		case schema.KindUint32:
			var n uint64
			if n, ok = parseUint(v); ok && n <= math.MaxUint32 {
				b.SetUint32(c.index, uint32(n))
			} else {
				ok = false
			}
		case schema.KindDate:
			if ok = r.date.set(v); ok {
				b.SetDate(c.index, r.date.day)
			}
		default:
			ok = !c.nameless || len(v) == 0
		}
		if !ok && !r.isNull(c, v) {
			b.DropRow()
			if r.isBlank() {
				chunk.RowsRead--
				return nil
			}
			r.reject(chunk, c.name, whyNot(c, v), v)
			return nil
		}
	}
	if !r.date.inside {
		b.DropRow()
		chunk.LeaveOut(r.part, calendar.Day(r.date.day))
		return nil
	}
	b.EndRow()
	return nil
}

// isNull reports whether a value of a counter is ClickHouse's NULL, which counts as 0 like an empty
// value.
func (*reader) isNull(c *column, v []byte) bool {
	return (c.kind == schema.KindUint64 || c.kind == schema.KindUint32) && string(v) == `\N`
}

// isBlank reports whether all values of the current record are empty. Spreadsheets write such rows
// for cleared lines; they are skipped like empty lines.
func (r *reader) isBlank() bool {
	for i := range r.scan.Len() {
		if len(r.scan.Field(i)) > 0 {
			return false
		}
	}
	return true
}

// whyNot explains why a value is invalid in a column.
func whyNot(c *column, v []byte) string {
	switch kind := c.kind; kind {
	case 0:
		return "value in a column without a name: name the column, or clear it"
	case schema.KindDate:
		return whyNotDate(v)
	case schema.KindString:
		return whyNotText(v)
	default:
		return whyNotUint(v, kind)
	}
}

func (r *reader) reject(chunk *importers.Chunk, column, reason string, sample []byte) {
	chunk.Rejects = append(chunk.Rejects, importers.NewReject(r.file, r.scan.Line(), column, reason, sample))
}

// addMiscounted rejects a row with a wrong number of fields. If it is the last row and has neither
// all fields nor a line end, the file is truncated, and the number of missing rows is unknown.
func (r *reader) addMiscounted(chunk *importers.Chunk) error {
	got, want := r.scan.Len(), len(r.columns)
	if got < want && !r.scan.Terminated() {
		return r.truncated()
	}
	if r.isBlank() {
		return nil
	}
	chunk.RowsRead++
	r.reject(chunk, "", fmt.Sprintf("row with %d values: want %d, the number of columns in the header", got, want),
		r.line())
	return nil
}

// addMalformed rejects a record that could not be split. Other errors of
// scanning are returned.
func (r *reader) addMalformed(chunk *importers.Chunk, err error) error {
	var fault *record.MalformedError
	if !errors.As(err, &fault) {
		return fmt.Errorf("%s: %w", r.file, readFault(err))
	}
	if fault.Cut && fault.Problem == record.OpenQuote {
		return r.truncated()
	}
	column := ""
	if fault.Problem != record.TooLong && fault.Field < len(r.columns) {
		column = r.columns[fault.Field].name
	}
	chunk.RowsRead++
	r.reject(chunk, column, fault.Error(), r.line())
	return nil
}

// line returns the text of the current record without its line end.
func (r *reader) line() []byte { return bytes.TrimRight(r.scan.Raw(), "\r\n") }

func (r *reader) truncated() error {
	return inputFault("%s:%d: ends within a row: the file is truncated; export or copy it again",
		r.file, r.scan.Line())
}
