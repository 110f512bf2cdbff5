package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sluicehq/sluice/warehouse/schema"
)

// PartKey identifies a part of an import in the warehouse.
type PartKey struct {
	SiteID, ImportID uint64
	Part             uint32
}

// ChunkKey identifies one load of a chunk.
type ChunkKey struct {
	PartKey
	Chunk uint32
	// Generation counts the runs of the whole import after failures, Repair the loads of
	// the chunk after purges. A load after a purge needs a new token, because ClickHouse
	// still keeps the old one.
	Generation, Repair uint32
}

// Token is the deduplication token of the chunk's rows: ClickHouse ignores an insert whose
// token it keeps as a repetition.
func (k ChunkKey) Token() string {
	return fmt.Sprintf("%d/%d/%d#%d.%d", k.ImportID, k.Part, k.Chunk, k.Generation, k.Repair)
}

// loaderColumns are added to every row of an imported table.
var loaderColumns = []string{"site_id", "import_id", "part", "chunk"}

// InsertRows loads a chunk's rows in one insert, which becomes one part of the table: all
// rows or none. After an error that is not an Exception, the outcome is unknown; a repeated
// call with the same key is safe.
func (w *Warehouse) InsertRows(ctx context.Context, key ChunkKey, rows *schema.Batch) error {
	if rows.Rows() == 0 {
		return nil
	}
	ctx, cancel := w.insertContext(ctx, key)
	defer cancel()
	table := rows.Table()
	query := insertInto(table.Name, table.ColumnNames())
	send := w.sendBatch
	if w.options.Protocol == clickhouse.HTTP {
		send = w.streamRows
	}
	if err := send(ctx, query, key, rows); err != nil {
		return fmt.Errorf("insert into %s: %w", table.Name, err)
	}
	return nil
}

// InsertRejects stores a chunk's rejected rows, with the same guarantees.
func (w *Warehouse) InsertRejects(ctx context.Context, key ChunkKey, rejects []schema.Reject) error {
	if len(rejects) == 0 {
		return nil
	}
	ctx, cancel := w.insertContext(ctx, key)
	defer cancel()
	query := insertInto(rejectsTable, []string{"file", "line", "column", "reason", "sample"})
	err := w.batch(ctx, query, func(batch driver.Batch) error {
		for _, r := range rejects {
			err := batch.Append(key.SiteID, key.ImportID, key.Part, key.Chunk,
				r.File, uint64(r.Line), r.Column, r.Reason, r.Sample)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("insert into %s: %w", rejectsTable, err)
	}
	return nil
}

// insertContext returns a context with the settings of a chunk's insert.
func (w *Warehouse) insertContext(ctx context.Context, key ChunkKey) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, w.insertTimeout)
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplicate":         1,
		"insert_deduplication_token": key.Token(),
		"async_insert":               0,
		"max_execution_time":         w.serverTimeout(),
	})), cancel
}

// serverTimeout is the server's timeout in whole seconds, at least 1 because 0 means none: an
// insert must not take effect long after the client's timeout.
func (w *Warehouse) serverTimeout() int {
	return int((w.insertTimeout + time.Second - 1) / time.Second)
}

// insertInto returns the statement that inserts the loader's columns and the given ones.
func insertInto(table string, columns []string) string {
	return fmt.Sprintf("INSERT INTO %s (%s)", table, strings.Join(slices.Concat(loaderColumns, columns), ", "))
}
