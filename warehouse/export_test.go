package warehouse

import (
	"context"

	"github.com/sluicehq/sluice/warehouse/schema"
)

// InsertByDriver inserts rows as is done by the native protocol, whatever the
// protocol: as a batch of the driver's.
func (w *Warehouse) InsertByDriver(ctx context.Context, key ChunkKey, rows *schema.Batch) error {
	ctx, cancel := w.insertContext(ctx, key)
	defer cancel()
	return w.sendBatch(ctx, insertInto(rows.Table().Name, rows.Table().ColumnNames()), key, rows)
}
