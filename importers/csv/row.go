package csv

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv/record"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// addRow puts the current record into the chunk: as a reject if anything is
// wrong with it, else as out of range if its date is, else as a row to load. A
// bad row is thus a reject whatever its date, and says what is wrong with the
// first bad value from the left.
func (r *reader) addRow(chunk *importers.Chunk) error {
	if r.scan.Len() != len(r.columns) {
		return r.addMiscounted(chunk)
	}
	chunk.RowsRead++
	b := chunk.Rows
	for i := range r.columns {
		c, v, ok := &r.columns[i], r.scan.Field(i), true
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
		}
		if !ok {
			b.DropRow()
			r.reject(chunk, c.name, whyNot(c.kind, v), v)
			return nil
		}
	}
	if !r.date.inside {
		b.DropRow()
		chunk.OutOfRange++
		return nil
	}
	b.EndRow()
	return nil
}

// whyNot says why a value does not fit a column.
func whyNot(kind schema.Kind, v []byte) string {
	switch kind {
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

// addMiscounted rejects a row with a wrong number of fields. If it is the last
// and has neither all fields nor a line end, the file was cut off there, and
// what is missing behind it nobody knows.
func (r *reader) addMiscounted(chunk *importers.Chunk) error {
	got, want := r.scan.Len(), len(r.columns)
	if got < want && !r.scan.Terminated() {
		return r.truncated()
	}
	chunk.RowsRead++
	r.reject(chunk, "", fmt.Sprintf("row with %d values: want %d, as many as the header has columns", got, want), r.line())
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
	return inputFault("%s:%d: ends in the middle of a row: the file looks truncated; export or copy it again",
		r.file, r.scan.Line())
}
