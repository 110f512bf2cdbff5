package googleanalytics4

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// add adds a row of the report to the chunk: as a reject if a value is invalid, as out of range or
// left out by its day, otherwise as a row to load.
func (r *reader) add(chunk *importers.Chunk, raw row) {
	chunk.RowsRead++
	r.sum(raw)
	day, fault := r.fill(chunk.Rows, raw)
	switch {
	case fault != nil:
		chunk.Rows.DropRow()
		chunk.Rejects = append(chunk.Rejects, importers.NewReject(
			r.part.Label, r.pos.offset+1, fault.column, fault.reason, []byte(fault.sample)))
	case !r.window.Contains(day):
		chunk.Rows.DropRow()
		chunk.LeaveOut(r.part, day)
	default:
		chunk.Rows.EndRow()
	}
}

// sum adds the row to the sums for the comparison with the report's totals, also if it is rejected.
func (r *reader) sum(raw row) {
	sum := 0
	for i, m := range r.report.metrics {
		if m.total == totalNone {
			continue
		}
		if i < len(raw.MetricValues) {
			if n, ok := parseCount(raw.MetricValues[i].Value); ok {
				r.pos.sums[sum] += n
			}
		}
		sum++
	}
	// A row without a day is rejected, and not stored under the name.
	if len(raw.DimensionValues) > 0 && raw.DimensionValues[0].Value == folded {
		r.pos.undated++
		return
	}
	for _, v := range raw.DimensionValues {
		if v.Value == folded {
			r.pos.folded++
			return
		}
	}
}

// rowFault is an error in a row.
type rowFault struct{ column, reason, sample string }

// fill sets the columns of the batch's current row.
func (r *reader) fill(b *schema.Batch, raw row) (calendar.Day, *rowFault) {
	rep := r.report
	if len(raw.DimensionValues) != len(rep.dimensions) || len(raw.MetricValues) != len(rep.metrics) {
		return 0, &rowFault{"", fmt.Sprintf("row with %d dimensions and %d metrics: want %d and %d", len(raw.DimensionValues),
			len(raw.MetricValues), len(rep.dimensions), len(rep.metrics)), sample(raw)}
	}
	day, ok := parseDate(raw.DimensionValues[0].Value)
	if !ok {
		return 0, &rowFault{"date", "not a date: want a day written as YYYYMMDD; Google writes this for rows that " +
			"it has folded or cannot date", raw.DimensionValues[0].Value}
	}
	b.SetDate(0, uint16(day))
	for i, v := range raw.DimensionValues {
		if !utf8.ValidString(v.Value) || strings.ContainsRune(v.Value, 0) {
			return 0, &rowFault{rep.dimensions[i], "text with a NUL byte or not UTF-8", v.Value}
		}
	}
	for i := range rep.metrics {
		m := &rep.metrics[i]
		n, ok := m.parse(raw.MetricValues[i].Value)
		if !ok {
			return 0, &rowFault{m.columns[0].Name, "not a count: want a number of 0 or more", raw.MetricValues[i].Value}
		}
		for j, column := range m.columns {
			if column.Kind == schema.KindUint64 {
				b.SetUint64(m.indexes[j], n)
				continue
			}
			if n > math.MaxUint32 {
				return 0, &rowFault{
					column.Name, fmt.Sprintf("number too large: want at most %d", uint32(math.MaxUint32)),
					raw.MetricValues[i].Value,
				}
			}
			b.SetUint32(m.indexes[j], uint32(n))
		}
	}
	// Last, so that notes are about loaded rows only.
	inside := r.window.Contains(day)
	for _, t := range rep.texts {
		if inside {
			b.SetString(t.column, []byte(t.value(raw.DimensionValues, &r.notes)))
		}
	}
	return day, nil
}

// sample returns the values of an invalid row.
func sample(raw row) string {
	values := make([]string, 0, len(raw.DimensionValues)+len(raw.MetricValues))
	for _, list := range [][]value{raw.DimensionValues, raw.MetricValues} {
		for _, v := range list {
			values = append(values, v.Value)
		}
	}
	return strings.Join(values, "\t")
}
