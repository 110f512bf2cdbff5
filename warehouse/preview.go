package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/warehouse/schema"
)

// Preview summarizes an import's rows in a table, visible or not.
type Preview struct {
	// Rows is the number of rows.
	Rows uint64
	// Sums has a text for each column of the table: the sum of a counter, the first and last
	// day of the date, or the number of distinct values of a text or an identifier. All are
	// empty without rows.
	Sums []string
	// Sample holds the first rows by date, with a text for each column.
	Sample [][]string
}

// Preview returns at most limit of an import's rows in a table, and sums of all rows.
func (w *Warehouse) Preview(
	ctx context.Context, table *schema.Table, siteID, importID uint64, limit int,
) (Preview, error) {
	key := PartKey{SiteID: siteID, ImportID: importID}
	const where = " WHERE site_id = {site:UInt64} AND import_id = {import:UInt64}"
	sums, values := make([]string, len(table.Columns)), make([]string, len(table.Columns))
	for i, c := range table.Columns {
		values[i] = "toString(" + c.Name + ")"
		switch {
		case c.Kind == schema.KindDate:
			sums[i] = "concat(toString(min(" + c.Name + ")), '..', toString(max(" + c.Name + ")))"
		case c.Kind == schema.KindString, c.Identifier:
			sums[i] = "concat(toString(uniqExact(" + c.Name + ")), ' different')"
		default:
			sums[i] = "toString(sum(" + c.Name + "))"
		}
	}
	var p Preview
	query := "SELECT count(), [" + strings.Join(sums, ", ") + "] FROM " + table.Name + where
	if err := w.conn.QueryRow(w.consistent(ctx), query, key.parameters()...).Scan(&p.Rows, &p.Sums); err != nil {
		return Preview{}, fmt.Errorf("sum up %s: %w", table.Name, err)
	}
	if p.Rows == 0 {
		clear(p.Sums)
		return p, nil
	}
	query = "SELECT [" + strings.Join(values, ", ") + "] FROM " + table.Name + where +
		" ORDER BY date, part, chunk LIMIT {limit:UInt32}"
	rows, err := w.conn.Query(w.consistent(ctx), query, append(key.parameters(), named("limit", limit))...)
	if err != nil {
		return Preview{}, fmt.Errorf("sample %s: %w", table.Name, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	for rows.Next() {
		var row []string
		if err := rows.Scan(&row); err != nil {
			return Preview{}, fmt.Errorf("sample %s: %w", table.Name, err)
		}
		p.Sample = append(p.Sample, row)
	}
	if err := rows.Err(); err != nil {
		return Preview{}, fmt.Errorf("sample %s: %w", table.Name, err)
	}
	return p, nil
}
