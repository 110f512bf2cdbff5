package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sluicehq/sluice/warehouse/schema"
)

// Row maps the column names of an imported table to values: days are texts such as 2021-01-31,
// texts are strings, numbers uint64 or uint32.
type Row map[string]any

// ChunkRows returns at most limit rows of a chunk after the first skip, visible or not. They
// are sorted by all of their values: the order is the same for each call and server, so that
// pages do not overlap and a row's position identifies it. The size of a chunk bounds the
// memory.
func (w *Warehouse) ChunkRows(
	ctx context.Context, table *schema.Table, key PartKey, chunk uint32, skip, limit int,
) ([]Row, error) {
	// Read days as text: the driver's conversion depends on time zones.
	columns := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		columns[i] = c.Name
		if c.Kind == schema.KindDate {
			columns[i] = "toString(" + c.Name + ")"
		}
	}
	query := "SELECT " + strings.Join(columns, ", ") + " FROM " + table.Name + `
		WHERE site_id = {site:UInt64} AND import_id = {import:UInt64} AND part = {part:UInt32} AND chunk = {chunk:UInt32}
		ORDER BY ` + strings.Join(table.ColumnNames(), ", ") + " LIMIT {limit:UInt32} OFFSET {skip:UInt64}"
	rows, err := w.conn.Query(w.consistent(ctx), query,
		append(key.parameters(), named("chunk", chunk), named("limit", limit), named("skip", skip))...)
	if err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", table.Name, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	var all []Row
	for rows.Next() {
		row, err := scanRow(rows, table)
		if err != nil {
			return nil, fmt.Errorf("read rows of %s: %w", table.Name, err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", table.Name, err)
	}
	return all, nil
}

func scanRow(rows driver.Rows, table *schema.Table) (Row, error) {
	n := len(table.Columns)
	texts, large, small, into := make([]string, n), make([]uint64, n), make([]uint32, n), make([]any, n)
	for i, c := range table.Columns {
		switch c.Kind {
		case schema.KindUint64:
			into[i] = &large[i]
		case schema.KindUint32:
			into[i] = &small[i]
		default:
			into[i] = &texts[i]
		}
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	row := make(Row, n)
	for i, c := range table.Columns {
		switch c.Kind {
		case schema.KindUint64:
			row[c.Name] = large[i]
		case schema.KindUint32:
			row[c.Name] = small[i]
		default:
			row[c.Name] = texts[i]
		}
	}
	return row, nil
}
