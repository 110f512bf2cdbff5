package warehouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sluicehq/sluice/warehouse/schema"
)

// PurgeChunk deletes a chunk's rows and rejects, and returns after the deletion.
func (w *Warehouse) PurgeChunk(ctx context.Context, table *schema.Table, key ChunkKey) error {
	where := `site_id = {site:UInt64} AND import_id = {import:UInt64} AND part = {part:UInt32} AND chunk = {chunk:UInt32}`
	parameters := append(key.parameters(), named("chunk", key.Chunk))
	return errors.Join(
		w.purge(ctx, table.Name, where, parameters),
		w.purge(ctx, rejectsTable, where, parameters),
	)
}

// PurgePart deletes a part's rows and rejects, and returns after the deletion.
func (w *Warehouse) PurgePart(ctx context.Context, table *schema.Table, key PartKey) error {
	where := `site_id = {site:UInt64} AND import_id = {import:UInt64} AND part = {part:UInt32}`
	return errors.Join(
		w.purge(ctx, table.Name, where, key.parameters()),
		w.purge(ctx, rejectsTable, where, key.parameters()),
	)
}

// PurgeRows deletes an import's rows from a table, and returns after the deletion.
func (w *Warehouse) PurgeRows(ctx context.Context, table *schema.Table, siteID, importID uint64) error {
	key := PartKey{SiteID: siteID, ImportID: importID}
	return w.purge(ctx, table.Name, `site_id = {site:UInt64} AND import_id = {import:UInt64}`, key.parameters())
}

// PurgeRejects deletes an import's rejects, and returns after the deletion.
func (w *Warehouse) PurgeRejects(ctx context.Context, siteID, importID uint64) error {
	key := PartKey{SiteID: siteID, ImportID: importID}
	return w.purge(ctx, rejectsTable, `site_id = {site:UInt64} AND import_id = {import:UInt64}`, key.parameters())
}

// purge deletes rows permanently. It checks first whether there are any, because a mutation
// rewrites parts.
//
// A response without an error proves nothing, because a proxy may have sent it. Therefore
// purge checks again afterwards.
func (w *Warehouse) purge(ctx context.Context, table, where string, parameters []any) error {
	found, err := w.anyRow(ctx, table, where, parameters)
	if err != nil || !found {
		return err
	}
	if err := w.deleteRows(ctx, table, where, parameters); err != nil {
		return err
	}
	if found, err = w.anyRow(ctx, table, where, parameters); err == nil && found {
		err = fmt.Errorf("purge %s: %w", table, errNotDone)
	}
	return err
}

// errNotDone means that ClickHouse, or a proxy, has acknowledged a statement without effect.
var errNotDone = errors.New("the statement was acknowledged without an error, but had no effect: " +
	"check that warehouse.dsn is the address of a ClickHouse server")

// anyRow reports whether a table has such rows.
func (w *Warehouse) anyRow(ctx context.Context, table, where string, parameters []any) (bool, error) {
	var found uint8
	query := `SELECT count() > 0 FROM (SELECT 1 FROM ` + table + ` WHERE ` + where + ` LIMIT 1)`
	if err := w.conn.QueryRow(w.consistent(ctx), query, parameters...).Scan(&found); err != nil {
		return false, fmt.Errorf("find rows to purge in %s: %w", table, err)
	}
	return found != 0, nil
}

func (w *Warehouse) deleteRows(ctx context.Context, table, where string, parameters []any) error {
	// mutations_sync waits for the deletion on all replicas.
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2}))
	if err := w.conn.Exec(ctx, `ALTER TABLE `+table+w.onCluster()+` DELETE WHERE `+where, parameters...); err != nil {
		return fmt.Errorf("purge %s: %w", table, err)
	}
	return nil
}

// Show makes an import's rows visible in all tables at once.
func (w *Warehouse) Show(ctx context.Context, siteID, importID uint64, generation uint32) error {
	return w.setVisible(ctx, siteID, importID, true, 2*generation+1)
}

// Hide makes an import's rows invisible in all tables at once. Within one generation of the
// import this is final: a late Show does not undo it.
func (w *Warehouse) Hide(ctx context.Context, siteID, importID uint64, generation uint32) error {
	return w.setVisible(ctx, siteID, importID, false, 2*generation+2)
}

// setVisible inserts a row into the import's visibility and verifies it. The row with the
// highest version counts.
func (w *Warehouse) setVisible(ctx context.Context, siteID, importID uint64, visible bool, version uint32) error {
	ctx, cancel := context.WithTimeout(ctx, w.insertTimeout)
	defer cancel()
	parameters := append(PartKey{SiteID: siteID, ImportID: importID}.parameters(),
		named("visible", visible), named("version", version))
	err := w.conn.Exec(ctx, `INSERT INTO import_visibility
		SELECT {site:UInt64}, {import:UInt64}, {visible:Bool}, {version:UInt32}`, parameters...)
	var noted uint8
	if err == nil {
		err = w.conn.QueryRow(w.consistent(ctx), `SELECT count() > 0 FROM import_visibility
			WHERE site_id = {site:UInt64} AND import_id = {import:UInt64} AND version >= {version:UInt32}`,
			parameters...).Scan(&noted)
	}
	if err == nil && noted == 0 {
		err = errNotDone
	}
	if err != nil {
		return fmt.Errorf("set visibility of import %d: %w", importID, err)
	}
	return nil
}
