package warehouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// PartKey names a part of an import in the warehouse.
type PartKey struct {
	SiteID, ImportID uint64
	Part             uint32
}

// ChunkKey names a chunk, and which of its loads is meant.
type ChunkKey struct {
	PartKey
	Chunk uint32
	// Generation counts how often the whole import was run again after it had
	// failed, and Repair tells apart the loads of a chunk that was purged in
	// between. What is loaded after a purge needs a new token, because the old one
	// is still remembered.
	Generation, Repair uint32
}

// Token is the deduplication token of the chunk's rows: ClickHouse takes an
// insert under a token that it remembers for a repetition and ignores it.
func (k ChunkKey) Token() string {
	return fmt.Sprintf("%d/%d/%d#%d.%d", k.ImportID, k.Part, k.Chunk, k.Generation, k.Repair)
}

// loaderColumns are added to every row of an imported table.
var loaderColumns = []string{"site_id", "import_id", "part", "chunk"}

// InsertRows loads a chunk's rows in one insert, which becomes one part of the
// table: all rows or none. An error that is no Exception leaves the outcome
// unknown; calling again with the same key is safe.
func (w *Warehouse) InsertRows(ctx context.Context, key ChunkKey, rows *schema.Batch) error {
	table := rows.Table()
	return w.insert(ctx, key, table.Name, table.ColumnNames(), rows.Rows(), func(batch driver.Batch) error {
		if err := appendKey(batch, key, rows.Rows()); err != nil {
			return err
		}
		var text []string
		for i, column := range table.Columns {
			var values any
			switch column.Kind {
			case schema.KindDate:
				values = datesOf(rows.Dates(i))
			case schema.KindUint64:
				values = rows.Uint64s(i)
			case schema.KindUint32:
				values = rows.Uint32s(i)
			case schema.KindString:
				text = rows.Strings(i, text[:0])
				values = text
			}
			if err := batch.Column(len(loaderColumns) + i).Append(values); err != nil {
				return fmt.Errorf("column %s: %w", column.Name, err)
			}
		}
		return nil
	})
}

// InsertRejects stores a chunk's rejected rows, under the same rules.
func (w *Warehouse) InsertRejects(ctx context.Context, key ChunkKey, rejects []schema.Reject) error {
	columns := []string{"file", "line", "column", "reason", "sample"}
	return w.insert(ctx, key, rejectsTable, columns, len(rejects), func(batch driver.Batch) error {
		for _, r := range rejects {
			err := batch.Append(key.SiteID, key.ImportID, key.Part, key.Chunk, r.File, uint64(r.Line), r.Column, r.Reason, r.Sample)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// appendKey fills the loader's columns, which are the same in every row.
func appendKey(batch driver.Batch, key ChunkKey, rows int) error {
	for i, v := range []uint64{key.SiteID, key.ImportID} {
		if err := batch.Column(i).Append(repeat(v, rows)); err != nil {
			return fmt.Errorf("column %s: %w", loaderColumns[i], err)
		}
	}
	for i, v := range []uint32{key.Part, key.Chunk} {
		if err := batch.Column(2 + i).Append(repeat(v, rows)); err != nil {
			return fmt.Errorf("column %s: %w", loaderColumns[2+i], err)
		}
	}
	return nil
}

func repeat[T any](v T, n int) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// datesOf turns days since 1970-01-01 into what the driver takes for a Date.
func datesOf(days []uint16) []time.Time {
	dates := make([]time.Time, len(days))
	for i, d := range days {
		dates[i] = calendar.Day(d).Time()
	}
	return dates
}

// insert sends one block, which fill fills column by column or row by row.
func (w *Warehouse) insert(
	ctx context.Context, key ChunkKey, table string, columns []string, rows int, fill func(driver.Batch) error,
) error {
	if rows == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.insertTimeout)
	defer cancel()
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplicate":         1,
		"insert_deduplication_token": key.Token(),
		"async_insert":               0,
		// An insert that its sender has given up must not land much later.
		"max_execution_time": int(w.insertTimeout / time.Second),
	}))
	all := append(append([]string(nil), loaderColumns...), columns...)
	query := fmt.Sprintf("INSERT INTO %s (%s)", table, strings.Join(all, ", "))
	batch, err := w.conn.PrepareBatch(ctx, query, driver.WithReleaseConnection())
	if err != nil {
		return fmt.Errorf("prepare insert into %s: %w", table, err)
	}
	defer batch.Close() //nolint:errcheck // closing after Send does nothing; before it, there is an error already
	if err := fill(batch); err != nil {
		return fmt.Errorf("fill insert into %s: %w", table, err)
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert into %s: %w", table, err)
	}
	return nil
}
