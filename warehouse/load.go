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

// InsertRejects stores a chunk's rejected rows, under the same rules.
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

// insertContext carries the settings of a chunk's insert.
func (w *Warehouse) insertContext(ctx context.Context, key ChunkKey) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, w.insertTimeout)
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplicate":         1,
		"insert_deduplication_token": key.Token(),
		"async_insert":               0,
		"max_execution_time":         w.serverTimeout(),
	})), cancel
}

// serverTimeout is the insert timeout as the server takes it, in seconds, of which 0
// would mean none: an insert that its sender has given up must not land much later.
func (w *Warehouse) serverTimeout() int {
	return int((w.insertTimeout + time.Second - 1) / time.Second)
}

// insertInto is the statement that inserts the loader's columns and the given ones.
func insertInto(table string, columns []string) string {
	return fmt.Sprintf("INSERT INTO %s (%s)", table, strings.Join(slices.Concat(loaderColumns, columns), ", "))
}
