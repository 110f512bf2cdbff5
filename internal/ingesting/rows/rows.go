// Package rows writes the rows of the event log's ranges to ClickHouse.
package rows

import (
	"context"
	"iter"
	"time"

	"github.com/sluicehq/sluice/ingest/session"
	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/warehouse"
)

// Warehouse writes rows to ClickHouse. It is safe for concurrent use.
type Warehouse struct{ w *warehouse.Warehouse }

var _ writer.Warehouse = (*Warehouse)(nil)

// New returns the writer's view of a warehouse.
func New(w *warehouse.Warehouse) *Warehouse { return &Warehouse{w} }

// block is the rows of a range in one table.
type block struct {
	table warehouse.LogTable
	n     int
	// when returns the time of a row, by which ClickHouse partitions the table.
	when func(i int) int64
	// appendRow appends the values of a row.
	appendRow func(dst []any, i int) []any
	// into is where the rows are counted.
	into func(c *writer.Counts) *uint64
}

// blocks returns the rows by table.
func blocks(key writer.Key, rows writer.Rows) []block {
	return []block{
		{
			events(), len(rows.Events), func(i int) int64 { return rows.Events[i].Timestamp },
			func(dst []any, i int) []any { return appendEventRow(dst, key, &rows.Events[i]) },
			func(c *writer.Counts) *uint64 { return &c.Events },
		},
		{
			sessions(), len(rows.Sessions), func(i int) int64 { return rows.Sessions[i].Start },
			func(dst []any, i int) []any { return appendSessionRow(dst, key, &rows.Sessions[i]) },
			func(c *writer.Counts) *uint64 { return &c.Sessions },
		},
		{
			counters(), len(rows.Counters), func(i int) int64 { return rows.Counters[i].Bucket },
			func(dst []any, i int) []any { return appendCounterRow(dst, key, &rows.Counters[i]) },
			func(c *writer.Counts) *uint64 { return &c.Counters },
		},
	}
}

// Insert inserts the rows, each table in one block.
func (w *Warehouse) Insert(ctx context.Context, key writer.Key, rows writer.Rows) error {
	for _, b := range blocks(key, rows) {
		if b.n == 0 {
			continue
		}
		if err := w.w.InsertLog(ctx, b.table, key.Token(), b.n, b.rows()); err != nil {
			return err
		}
	}
	return nil
}

// Count counts the rows of a range.
func (w *Warehouse) Count(ctx context.Context, key writer.Key, rows writer.Rows) (writer.Counts, error) {
	var c writer.Counts
	for _, b := range blocks(key, rows) {
		if b.n == 0 {
			continue
		}
		n, err := w.w.CountLog(ctx, b.table, b.within(key))
		if err != nil {
			return writer.Counts{}, err
		}
		*b.into(&c) = n
	}
	return c, nil
}

// Purge deletes the rows of a range.
func (w *Warehouse) Purge(ctx context.Context, key writer.Key, rows writer.Rows) error {
	for _, b := range blocks(key, rows) {
		if b.n == 0 {
			continue
		}
		if err := w.w.PurgeLog(ctx, b.table, b.within(key)); err != nil {
			return err
		}
	}
	return nil
}

// rows returns the rows, each of which is valid until the next.
func (b block) rows() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		var row []any
		for i := range b.n {
			if row = b.appendRow(row[:0], i); !yield(row) {
				return
			}
		}
	}
}

// within returns where the rows are.
func (b block) within(key writer.Key) warehouse.LogRange {
	first, last := b.when(0), b.when(0)
	for i := range b.n {
		first, last = min(first, b.when(i)), max(last, b.when(i))
	}
	return warehouse.LogRange{
		Partition: uint16(key.Partition), From: key.From, To: key.To,
		First: time.Unix(first, 0), Last: time.Unix(last, 0),
	}
}

// sequenceOf returns the sequence of the record that changed a session last.
func sequenceOf(s *session.Session) uint64 { return s.Version >> 16 }
