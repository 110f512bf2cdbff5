package warehouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// sendBatch sends a chunk's rows by the native protocol, as one block.
func (w *Warehouse) sendBatch(ctx context.Context, query string, key ChunkKey, rows *schema.Batch) error {
	return w.batch(ctx, query, func(batch driver.Batch) error {
		if err := appendKey(batch, key, rows.Rows()); err != nil {
			return err
		}
		var text []string
		for i, column := range rows.Table().Columns {
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

// batch sends one block, which fill fills column by column or row by row.
func (w *Warehouse) batch(ctx context.Context, query string, fill func(driver.Batch) error) error {
	batch, err := w.conn.PrepareBatch(ctx, query, driver.WithReleaseConnection())
	if err != nil {
		return err
	}
	defer batch.Close() //nolint:errcheck // closing after Send does nothing; before it, there is an error already
	if err := fill(batch); err != nil {
		return err
	}
	return batch.Send()
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
