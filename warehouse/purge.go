package warehouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sluicehq/sluice/warehouse/schema"
)

// PurgeChunk removes a chunk's rows and rejects and returns when they are gone.
func (w *Warehouse) PurgeChunk(ctx context.Context, table *schema.Table, key ChunkKey) error {
	where := `site_id = {site:UInt64} AND import_id = {import:UInt64} AND part = {part:UInt32} AND chunk = {chunk:UInt32}`
	parameters := append(key.parameters(), named("chunk", key.Chunk))
	return errors.Join(
		w.purge(ctx, table.Name, where, parameters),
		w.purge(ctx, rejectsTable, where, parameters),
	)
}

// PurgePart removes a part's rows and rejects and returns when they are gone.
func (w *Warehouse) PurgePart(ctx context.Context, table *schema.Table, key PartKey) error {
	where := `site_id = {site:UInt64} AND import_id = {import:UInt64} AND part = {part:UInt32}`
	return errors.Join(
		w.purge(ctx, table.Name, where, key.parameters()),
		w.purge(ctx, rejectsTable, where, key.parameters()),
	)
}

// PurgeRows removes an import's rows from a table and returns when they are gone.
func (w *Warehouse) PurgeRows(ctx context.Context, table *schema.Table, siteID, importID uint64) error {
	key := PartKey{SiteID: siteID, ImportID: importID}
	return w.purge(ctx, table.Name, `site_id = {site:UInt64} AND import_id = {import:UInt64}`, key.parameters())
}

// PurgeRejects removes an import's rejects and returns when they are gone.
func (w *Warehouse) PurgeRejects(ctx context.Context, siteID, importID uint64) error {
	key := PartKey{SiteID: siteID, ImportID: importID}
	return w.purge(ctx, rejectsTable, `site_id = {site:UInt64} AND import_id = {import:UInt64}`, key.parameters())
}

// purge deletes rows for good. It looks first, because a mutation rewrites parts
// and is worth avoiding where there is nothing to delete.
//
// An answer without an error is no proof: what stands between may have given it. It looks
// again therefore.
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

// errNotDone means that ClickHouse, or what stands before it, has acknowledged a statement
// that has had no effect.
var errNotDone = errors.New("the statement was acknowledged without an error, but has had no effect: " +
	"is it ClickHouse that answers at warehouse.dsn?")

// anyRow says whether a table has such rows.
func (w *Warehouse) anyRow(ctx context.Context, table, where string, parameters []any) (bool, error) {
	var found uint8
	query := `SELECT count() > 0 FROM (SELECT 1 FROM ` + table + ` WHERE ` + where + ` LIMIT 1)`
	if err := w.conn.QueryRow(w.consistent(ctx), query, parameters...).Scan(&found); err != nil {
		return false, fmt.Errorf("look for rows to purge in %s: %w", table, err)
	}
	return found != 0, nil
}

func (w *Warehouse) deleteRows(ctx context.Context, table, where string, parameters []any) error {
	// mutations_sync waits until the rows are gone on all replicas.
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

// Hide takes an import's rows out of sight in all tables at once. Within one
// generation of the import this is for good: a late Show does not undo it.
func (w *Warehouse) Hide(ctx context.Context, siteID, importID uint64, generation uint32) error {
	return w.setVisible(ctx, siteID, importID, false, 2*generation+2)
}

// setVisible adds a row to the import's visibility, of which the one with the
// highest version counts, and proves that it is there.
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
