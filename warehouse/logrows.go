package warehouse

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// LogTable is a table whose rows come from the event log. The columns log_partition
// and log_sequence are their position in it.
type LogTable struct {
	// Name is the table's, Columns those that are inserted, in order.
	Name    string
	Columns []string
	// Time is the column of type DateTime by which the table is partitioned.
	Time string
	// Identity is what counts as one row; empty means that each row counts.
	Identity string
}

// LogRange is a range of a partition of the event log.
type LogRange struct {
	Partition uint16
	// From and To are the first and the last sequence.
	From, To uint64
	// First and Last bound the table's Time in the range's rows.
	First, Last time.Time
}

// InsertLog inserts the n rows of a range in one block. The values of a row are of the types of its columns: a string,
// a FixedString, a number, a time.Time of a DateTime, a calendar.Day, a []string, and a *uint64 or a *decimal.Decimal,
// which may be nil; InsertLog may change a row, and keeps nothing of it once it asks for the next. ClickHouse ignores
// an insert whose token it keeps as a repetition. After an error that is not an Exception, the outcome is unknown; a
// repeated call with the same token is safe. Rows of several months become several parts, of which some may be missing
// after an error.
func (w *Warehouse) InsertLog(ctx context.Context, table LogTable, token string, n int, rows iter.Seq[[]any]) error {
	send := w.batchLog
	if w.options.Protocol == clickhouse.HTTP {
		send = func(ctx context.Context, query string, rows iter.Seq[[]any]) error {
			return w.streamLog(ctx, query, n, rows)
		}
	}
	return w.insertBlock(ctx, table, token, rows, send)
}

// insertBlock inserts rows under a token. send sends them.
func (w *Warehouse) insertBlock(
	ctx context.Context, table LogTable, token string, rows iter.Seq[[]any],
	send func(ctx context.Context, query string, rows iter.Seq[[]any]) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, w.insertTimeout)
	defer cancel()
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplicate":         1,
		"insert_deduplication_token": token,
		"async_insert":               0,
		"max_execution_time":         w.serverTimeout(),
		// Past events may be of any month.
		"max_partitions_per_insert_block": 0,
	}))
	query := "INSERT INTO " + table.Name + " (`" + strings.Join(table.Columns, "`, `") + "`)"
	if err := send(ctx, query, rows); err != nil {
		return fmt.Errorf("insert into %s: %w", table.Name, err)
	}
	return nil
}

// batchLog sends rows by the driver.
func (w *Warehouse) batchLog(ctx context.Context, query string, rows iter.Seq[[]any]) error {
	return w.batch(ctx, query, func(batch driver.Batch) error {
		for row := range rows {
			if err := batch.Append(forDriver(row)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// streamLog sends n rows over HTTP, in RowBinary.
func (w *Warehouse) streamLog(ctx context.Context, query string, n int, rows iter.Seq[[]any]) error {
	var body []byte
	for row := range rows {
		first := len(body) == 0
		var err error
		if body, err = appendRow(body, row); err != nil {
			return err
		}
		if first {
			// Most rows are about as long: the body does not grow step by step.
			body = slices.Grow(body, (n-1)*(len(body)+len(body)/4))
		}
	}
	return w.conn.InsertFormat(ctx, "RowBinary", query, bytes.NewReader(body))
}

// CountLog counts the rows of a range.
func (w *Warehouse) CountLog(ctx context.Context, table LogTable, r LogRange) (uint64, error) {
	count := "count()"
	if table.Identity != "" {
		count = "uniqExact(" + table.Identity + ")"
	}
	var n uint64
	query := "SELECT " + count + " FROM " + table.Name + " WHERE " + table.inRange()
	if err := w.conn.QueryRow(w.consistent(ctx), query, r.parameters()...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count rows of %s: %w", table.Name, err)
	}
	return n, nil
}

// PurgeLog deletes the rows of a range, and returns after the deletion.
func (w *Warehouse) PurgeLog(ctx context.Context, table LogTable, r LogRange) error {
	return w.purge(ctx, table.Name, table.inRange(), r.parameters())
}

// inRange is the condition of a range. The time selects ClickHouse's own partitions.
func (t LogTable) inRange() string {
	return "log_partition = {partition:UInt16} AND log_sequence BETWEEN {from:UInt64} AND {to:UInt64} AND " +
		t.Time + " BETWEEN toDateTime({first:UInt32}, 'UTC') AND toDateTime({last:UInt32}, 'UTC')"
}

func (r LogRange) parameters() []any {
	return []any{
		named("partition", r.Partition), named("from", r.From), named("to", r.To), named("first", r.First.Unix()),
		named("last", r.Last.Unix()),
	}
}
