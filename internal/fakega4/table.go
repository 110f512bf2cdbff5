package fakega4

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// table is the rows of a report.
type table struct {
	rows []*tableRow
	// sums are the totals by metric; what counts people is counted over all rows anew.
	sums []int64
	// timeZone is that of a recorded report.
	timeZone string
}

type tableRow struct {
	dimensions []string
	metrics    []int64
	// raw are metrics as they were recorded, if they were.
	raw []string
}

// ordered returns the rows in the requested order. Rows that are equal in that
// come in another order each time, as Google promises none.
func (t *table) ordered(q *query) []*tableRow {
	rows := slices.Clone(t.rows)
	//nolint:gosec // G404: any order will do
	rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	slices.SortStableFunc(rows, func(a, b *tableRow) int {
		for _, o := range q.orders {
			var c int
			if o.dimension >= 0 {
				c = strings.Compare(a.dimensions[o.dimension], b.dimensions[o.dimension])
			} else {
				c = int(min(max(a.metrics[o.metric]-b.metrics[o.metric], -1), 1))
			}
			if o.desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return rows
}

func (r *tableRow) answer() answerRow {
	row := answerRow{DimensionValues: make([]value, len(r.dimensions)), MetricValues: make([]value, len(r.metrics))}
	for i, d := range r.dimensions {
		row.DimensionValues[i].Value = d
	}
	for i, m := range r.metrics {
		row.MetricValues[i].Value = strconv.FormatInt(m, 10)
		if r.raw != nil {
			row.MetricValues[i].Value = r.raw[i]
		}
	}
	return row
}

// total is the row of totals, off by as much as the configuration says.
func (t *table) total(q *query, off int64) answerRow {
	row := answerRow{MetricValues: make([]value, len(t.sums))}
	for range q.dimensions {
		row.DimensionValues = append(row.DimensionValues, value{"RESERVED_TOTAL"})
	}
	for i, n := range t.sums {
		row.MetricValues[i].Value = strconv.FormatInt(n+off, 10)
	}
	return row
}
