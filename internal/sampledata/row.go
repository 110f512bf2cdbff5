package sampledata

import (
	"bufio"
	"math/rand/v2"
	"strconv"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// rowWriter writes the rows of one file.
type rowWriter struct {
	w           *bufio.Writer
	rng         *rand.Rand
	line        []byte
	rows, bytes int64
	visitors    uint64
}

func (r *rowWriter) header(table *schema.Table) error {
	r.line = r.line[:0]
	for i, c := range exported(table) {
		if i > 0 {
			r.line = append(r.line, ',')
		}
		r.line = append(append(append(r.line, '"'), c.Name...), '"')
	}
	return r.flush()
}

// exported returns the columns of an export: without the channel of a source and the exits of a
// page.
func exported(table *schema.Table) []schema.Column {
	columns := make([]schema.Column, 0, len(table.Columns))
	for _, c := range table.Columns {
		if table == schema.Sources && c.Name == "channel" || table == schema.Pages && c.Name == "exits" {
			continue
		}
		columns = append(columns, c)
	}
	return columns
}

// row writes the row of the rank-th item of a day.
func (r *rowWriter) row(table *schema.Table, day calendar.Day, rank int) error {
	// Visits decrease with the rank and at weekends.
	weekday := 10 - 4*btoi(day%7 == 2 || day%7 == 3)
	base := uint64(2000*weekday/10)/uint64(rank+1) + uint64(r.rng.IntN(20)) + 1
	r.line = r.line[:0]
	for i, c := range exported(table) {
		if i > 0 {
			r.line = append(r.line, ',')
		}
		switch c.Kind {
		case schema.KindDate:
			r.line = append(append(append(r.line, '"'), day.String()...), '"')
		case schema.KindString:
			r.line = append(append(append(r.line, '"'), text(c.Name, rank)...), '"')
		case schema.KindUint64, schema.KindUint32:
			v := r.number(c.Name, base, rank)
			if c.Name == "visitors" {
				r.visitors += v
			}
			r.line = strconv.AppendUint(r.line, v, 10)
		}
	}
	r.rows++
	return r.flush()
}

// number returns a value that is consistent with the row's other values.
func (r *rowWriter) number(column string, base uint64, rank int) uint64 {
	switch column {
	case "visitors":
		return base
	case "visits", "entrances", "exits", "events":
		return base + base/7
	case "pageviews":
		return base + base/3
	case "bounces":
		return base / 2
	case "visit_duration", "total_time_on_page":
		return base * uint64(20+r.rng.IntN(160))
	case "total_scroll_depth":
		return base * uint64(30+r.rng.IntN(70))
	case "city":
		return uint64(2_600_000 + rank)
	default:
		return base
	}
}

func (r *rowWriter) flush() error {
	r.line = append(r.line, '\n')
	r.bytes += int64(len(r.line))
	_, err := r.w.Write(r.line)
	return err
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
