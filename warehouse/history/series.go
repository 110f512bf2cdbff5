package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/calendar"
)

// SeriesQuery asks for a metric of a site over time.
type SeriesQuery struct {
	SiteID   uint64
	Metric   Metric
	Interval Interval
	// Days is the range, of at most MaxDays days. The first and the last period have only the days in it.
	Days calendar.Range
}

// Validate returns every fault, each of them ErrInvalid.
func (q SeriesQuery) Validate() error {
	return errors.Join(
		oneOf("metric", q.Metric, Metrics()), oneOf("interval", q.Interval, Intervals()), checkDays(q.Days),
	)
}

// SeriesPoint is what one origin has counted in one period. Fields are only ever added.
type SeriesPoint struct {
	Start  calendar.Day `json:"start" doc:"First day of the period; it may be before the range."`
	Origin string       `json:"origin" enum:"native,imported"`
	Import uint64       `json:"import,omitempty" doc:"ID of the import; absent for native data."`
	Value  uint64       `json:"value" doc:"Sum over the days of the period."`
	Days   uint64       `json:"days" doc:"Number of days of the period with data of this origin."`
}

// Series is a metric of a site over time. Fields are only ever added.
type Series struct {
	Metric   Metric        `json:"metric" enum:"visitors,pageviews,visits"`
	Interval Interval      `json:"interval" enum:"day,week,month" doc:"Weeks begin on Monday."`
	From     calendar.Day  `json:"from"`
	To       calendar.Day  `json:"to"`
	Points   []SeriesPoint `json:"points" doc:"By start, native data first. A period without data has no point."`
	Total    uint64        `json:"total" doc:"Sum of all points. Visitors are counted by day: a person counts on each day again."`
	SQL      string        `json:"sql" doc:"The query in ClickHouse's SQL, with all values."`
}

// statement returns the query. The names of columns are those of the lists above.
func (q SeriesQuery) statement() statement {
	return statement{
		template: "SELECT " + starts[q.Interval] + " AS start, import_id, sum(" + string(q.Metric) + ") AS value,\n" +
			"       uniqExact(day) AS days\n" +
			"FROM history_visitors\n" +
			"WHERE site_id = {site} AND day BETWEEN {from} AND {to}\n" +
			"GROUP BY start, import_id\n" +
			"ORDER BY start, import_id",
		parameters: []parameter{number("site", q.SiteID), day("from", q.Days.First), day("to", q.Days.Last)},
	}
}

// Series returns a metric of a site over time. The errors are ErrInvalid, ErrTooLarge and those of the connection.
func (r *Reader) Series(ctx context.Context, q SeriesQuery) (Series, error) {
	if err := q.Validate(); err != nil {
		return Series{}, err
	}
	query := q.statement()
	s := Series{
		Metric: q.Metric, Interval: q.Interval, From: q.Days.First, To: q.Days.Last, Points: []SeriesPoint{},
		SQL: query.sql(),
	}
	err := r.each(ctx, query, func(into func(...any) error) error {
		var start time.Time
		p := SeriesPoint{Origin: OriginNative}
		if err := into(&start, &p.Import, &p.Value, &p.Days); err != nil {
			return err
		}
		p.Start = calendar.DayOf(start)
		if p.Import != 0 {
			p.Origin = OriginImported
		}
		s.Points, s.Total = append(s.Points, p), s.Total+p.Value
		return nil
	})
	if err != nil {
		return Series{}, fmt.Errorf("read the %s of site %d: %w", q.Metric, q.SiteID, err)
	}
	return s, nil
}
