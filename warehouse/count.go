package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/warehouse/schema"
)

// rejectsTable holds the rejected rows.
const rejectsTable = "import_rejects"

// ChunkCount is the number of rows of a chunk in the warehouse.
type ChunkCount struct{ Rows, Rejects uint64 }

// ChunkCounts counts the rows of a part in the warehouse by chunk, from the given chunk on.
// The result omits chunks without rows.
func (w *Warehouse) ChunkCounts(
	ctx context.Context, table *schema.Table, key PartKey, from uint32,
) (map[uint32]ChunkCount, error) {
	// Both tables are sorted by site and import first, so that this reads two
	// small columns of one import.
	const where = ` WHERE site_id = {site:UInt64} AND import_id = {import:UInt64} AND part = {part:UInt32}
		AND chunk >= {from:UInt32} GROUP BY chunk`
	query := `SELECT chunk, sum(rows), sum(rejects) FROM (
		SELECT chunk, count() AS rows, 0 AS rejects FROM ` + table.Name + where + `
		UNION ALL
		SELECT chunk, 0 AS rows, count() AS rejects FROM ` + rejectsTable + where + `
	) GROUP BY chunk`
	rows, err := w.conn.Query(w.consistent(ctx), query, append(key.parameters(), named("from", from))...)
	if err != nil {
		return nil, fmt.Errorf("count chunks of %s: %w", table.Name, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	counts := map[uint32]ChunkCount{}
	for rows.Next() {
		var chunk uint32
		var c ChunkCount
		if err := rows.Scan(&chunk, &c.Rows, &c.Rejects); err != nil {
			return nil, fmt.Errorf("count chunks of %s: %w", table.Name, err)
		}
		counts[chunk] = c
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count chunks of %s: %w", table.Name, err)
	}
	return counts, nil
}

// ImportRows counts an import's rows in a table, visible or not.
func (w *Warehouse) ImportRows(ctx context.Context, table *schema.Table, siteID, importID uint64) (uint64, error) {
	key := PartKey{SiteID: siteID, ImportID: importID}
	query := `SELECT count() FROM ` + table.Name + ` WHERE site_id = {site:UInt64} AND import_id = {import:UInt64}`
	var n uint64
	if err := w.conn.QueryRow(w.consistent(ctx), query, key.parameters()...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count rows of %s: %w", table.Name, err)
	}
	return n, nil
}

// Sum is a number of rows and the sum of one of their columns.
type Sum struct{ Rows, Sum uint64 }

// VisibleSum counts an import's visible rows in a table, and adds up one of its numeric
// columns. An unknown column is an error.
func (w *Warehouse) VisibleSum(
	ctx context.Context, table *schema.Table, siteID, importID uint64, column string,
) (Sum, error) {
	if table.Index(column) < 0 {
		return Sum{}, fmt.Errorf("sum up %s: unknown column %q", table.Name, column)
	}
	key := PartKey{SiteID: siteID, ImportID: importID}
	query := `SELECT count(), sum(` + column + `) FROM visible_` + table.Name + `
		WHERE site_id = {site:UInt64} AND import_id = {import:UInt64}`
	var sum Sum
	if err := w.conn.QueryRow(w.consistent(ctx), query, key.parameters()...).Scan(&sum.Rows, &sum.Sum); err != nil {
		return Sum{}, fmt.Errorf("sum up %s: %w", table.Name, err)
	}
	return sum, nil
}

// RejectFilter selects rejected rows of an import. The zero value selects all. Samples are rows of the site, which
// belong into no address: no filter has them.
type RejectFilter struct {
	// Parts are the numbers of their parts; all without any.
	Parts []uint32
	// Column is the name of the column that was refused.
	Column string
	// Text is in their file, their column or their reason, in upper or lower case.
	Text string
}

// Rejects returns at most limit rejected rows of an import that a filter selects after the first skip, in the order
// of parts and lines. The order is total, also for rows without lines, so that pages do not
// overlap.
func (w *Warehouse) Rejects(
	ctx context.Context, siteID, importID uint64, f RejectFilter, skip, limit int,
) ([]schema.Reject, error) {
	key := PartKey{SiteID: siteID, ImportID: importID}
	where, parts := "", strings.ReplaceAll(fmt.Sprint(f.Parts), " ", ",")
	if len(f.Parts) > 0 {
		where += ` AND part IN {parts:Array(UInt32)}`
	}
	if f.Column != "" {
		where += ` AND column = {column:String}`
	}
	if f.Text != "" {
		where += ` AND (positionCaseInsensitiveUTF8(file, {text:String}) > 0
			OR positionCaseInsensitiveUTF8(column, {text:String}) > 0
			OR positionCaseInsensitiveUTF8(reason, {text:String}) > 0)`
	}
	rows, err := w.conn.Query(w.consistent(ctx), `SELECT file, toInt64(line), column, reason, sample FROM `+rejectsTable+`
		WHERE site_id = {site:UInt64} AND import_id = {import:UInt64}`+where+`
		ORDER BY part, line, chunk, file, column, reason, sample LIMIT {limit:UInt32} OFFSET {skip:UInt64}`,
		append(key.parameters(), named("parts", parts), namedText("column", f.Column), namedText("text", f.Text),
			named("limit", limit), named("skip", skip))...)
	if err != nil {
		return nil, fmt.Errorf("read rejects: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	rejects := []schema.Reject{}
	for rows.Next() {
		var r schema.Reject
		if err := rows.Scan(&r.File, &r.Line, &r.Column, &r.Reason, &r.Sample); err != nil {
			return nil, fmt.Errorf("read rejects: %w", err)
		}
		rejects = append(rejects, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rejects: %w", err)
	}
	return rejects, nil
}
