package schema

import (
	"fmt"
	"unsafe"
)

// Batch holds rows of one table by column. It is built row by row with the
// typed setters (one call per column, in any order, then EndRow), costs no
// allocation per row once its buffers have grown, and is reused with Reset.
// A Batch is not safe for concurrent use.
type Batch struct {
	table *Table
	cols  []columnBuffer
	rows  int
}

// columnBuffer is the storage of one column; only the slice that belongs to the
// column's kind is used.
type columnBuffer struct {
	dates   []uint16
	uint64s []uint64
	uint32s []uint32
	// text holds all strings of the column, concatenated, and ends[i] the end of the i-th:
	// two allocations for a column instead of one for each value.
	text []byte
	ends []uint32
}

// NewBatch returns an empty batch for rows of the table.
func NewBatch(t *Table) *Batch {
	return &Batch{table: t, cols: make([]columnBuffer, len(t.Columns))}
}

// Table returns the table that the rows belong to.
func (b *Batch) Table() *Table { return b.table }

// Rows returns the number of complete rows.
func (b *Batch) Rows() int { return b.rows }

// Bytes returns the approximate memory of the values.
func (b *Batch) Bytes() int {
	n := 0
	for i := range b.cols {
		c := &b.cols[i]
		n += 2*len(c.dates) + 8*len(c.uint64s) + 4*len(c.uint32s) + len(c.text) + 4*len(c.ends)
	}
	return n
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	for i := range b.cols {
		c := &b.cols[i]
		c.dates, c.uint64s, c.uint32s = c.dates[:0], c.uint64s[:0], c.uint32s[:0]
		c.text, c.ends = c.text[:0], c.ends[:0]
	}
	b.rows = 0
}

// SetDate sets the current row's value of column i, a KindDate column, to a day
// counted from 1970-01-01. A second call for the same row replaces the value.
func (b *Batch) SetDate(i int, day uint16) {
	c := &b.cols[i]
	c.dates = append(c.dates[:b.rows], day)
}

// SetUint64 sets the current row's value of column i, a KindUint64 column.
func (b *Batch) SetUint64(i int, v uint64) {
	c := &b.cols[i]
	c.uint64s = append(c.uint64s[:b.rows], v)
}

// SetUint32 sets the current row's value of column i, a KindUint32 column.
func (b *Batch) SetUint32(i int, v uint32) {
	c := &b.cols[i]
	c.uint32s = append(c.uint32s[:b.rows], v)
}

// SetString sets the current row's value of column i, a KindString column, to a
// copy of v.
func (b *Batch) SetString(i int, v []byte) {
	c := &b.cols[i]
	start := uint32(0)
	if b.rows > 0 {
		start = c.ends[b.rows-1]
	}
	c.text = append(c.text[:start], v...)
	c.ends = append(c.ends[:b.rows], uint32(len(c.text)))
}

// EndRow completes the current row. Columns that were not set get their zero
// value: "", 0, or 1970-01-01. DropRow discards an incomplete row.
func (b *Batch) EndRow() {
	want := b.rows + 1
	for i := range b.cols {
		// The lengths, which are zero for the other kinds, are cheaper to check than the
		// kind of the column.
		c := &b.cols[i]
		if len(c.dates)+len(c.uint64s)+len(c.uint32s)+len(c.ends) != want {
			b.setZero(i)
		}
	}
	b.rows = want
}

// setZero sets the current row's value of column i to its kind's zero value.
func (b *Batch) setZero(i int) {
	switch b.table.Columns[i].Kind {
	case KindDate:
		b.SetDate(i, 0)
	case KindUint64:
		b.SetUint64(i, 0)
	case KindUint32:
		b.SetUint32(i, 0)
	case KindString:
		b.SetString(i, nil)
	default:
		panic(fmt.Sprintf("schema: column %s.%s has no kind", b.table.Name, b.table.Columns[i].Name))
	}
}

// DropRow discards the values set since the last EndRow.
func (b *Batch) DropRow() {
	for i := range b.cols {
		c := &b.cols[i]
		switch b.table.Columns[i].Kind {
		case KindDate:
			c.dates = c.dates[:b.rows]
		case KindUint64:
			c.uint64s = c.uint64s[:b.rows]
		case KindUint32:
			c.uint32s = c.uint32s[:b.rows]
		case KindString:
			c.ends = c.ends[:b.rows]
		}
	}
}

// Dates returns the values of column i. The slice is the batch's own.
func (b *Batch) Dates(i int) []uint16 { return b.cols[i].dates[:b.rows] }

// Uint64s returns the values of column i. The slice is the batch's own.
func (b *Batch) Uint64s(i int) []uint64 { return b.cols[i].uint64s[:b.rows] }

// Uint32s returns the values of column i. The slice is the batch's own.
func (b *Batch) Uint32s(i int) []uint32 { return b.cols[i].uint32s[:b.rows] }

// Text returns the concatenated values of column i, a KindString column, and the end of each.
// Both slices are the batch's own.
func (b *Batch) Text(i int) (text []byte, ends []uint32) {
	return b.cols[i].text, b.cols[i].ends[:b.rows]
}

// Strings appends the values of column i to dst and returns it. The strings
// share the batch's memory: they are valid until Reset.
func (b *Batch) Strings(i int, dst []string) []string {
	c := &b.cols[i]
	start := uint32(0)
	for _, end := range c.ends[:b.rows] {
		//nolint:gosec // G103: the text is not modified until Reset, as documented above
		dst = append(dst, unsafe.String(unsafe.SliceData(c.text[start:end]), end-start))
		start = end
	}
	return dst
}
