package ingesting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/starter/internal/call"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/warehouse/history"
)

// DefaultValues is the default of BreakdownQuery.Limit.
const DefaultValues = 10

// HistoryQuery asks for a metric of a site over time.
type HistoryQuery struct {
	// Metric defaults to visitors.
	Metric history.Metric
	// Interval defaults to that of history.IntervalFor.
	Interval history.Interval
	Days     HistoryDays
}

// HistoryDays is a range of days. What is nil ends with the history of the site, whose last history.MaxDays days count.
type HistoryDays struct{ From, To *calendar.Day }

// BreakdownQuery asks for the most frequent values of a dimension of a site.
type BreakdownQuery struct {
	// By is required.
	By   history.Dimension
	Days HistoryDays
	// Limit is the number of values, 1 to history.MaxValues. Defaults to DefaultValues.
	Limit int
}

// History is a metric of a site over time: the JSON of the command line and of the API. Fields are only ever added.
type History struct {
	Site     string `json:"site"`
	TimeZone string `json:"timezone" doc:"IANA name of the time zone of the days of native data."`
	history.Series
}

// Breakdown has the most frequent values of a dimension of a site: the JSON of the command line and of the API. Fields
// are only ever added.
type Breakdown struct {
	Site     string `json:"site"`
	TimeZone string `json:"timezone" doc:"IANA name of the time zone of the days of native data."`
	history.Breakdown
}

// History returns a metric of a site over time. The errors are starter.ErrInvalid, also where the range has more data
// than a query may read, and those of the connections.
func (s *Sites) History(ctx context.Context, site ingeststore.Site, q HistoryQuery) (History, error) {
	reader, days, err := s.reader(ctx, site, q.Days)
	if err != nil {
		return History{}, err
	}
	series, err := reader.Series(ctx, history.SeriesQuery{
		SiteID: uint64(site.ID), Metric: cmp.Or(q.Metric, history.MetricVisitors),
		Interval: cmp.Or(q.Interval, history.IntervalFor(days)), Days: days,
	})
	return History{Site: site.Domain, TimeZone: site.TimeZone, Series: series}, asInvalid(err)
}

// Breakdown returns the most frequent values of a dimension of a site. The errors are those of History.
func (s *Sites) Breakdown(ctx context.Context, site ingeststore.Site, q BreakdownQuery) (Breakdown, error) {
	reader, days, err := s.reader(ctx, site, q.Days)
	if err != nil {
		return Breakdown{}, err
	}
	values, err := reader.Breakdown(ctx, history.BreakdownQuery{
		SiteID: uint64(site.ID), By: q.By, Days: days, Limit: cmp.Or(q.Limit, DefaultValues),
	})
	return Breakdown{Site: site.Domain, TimeZone: site.TimeZone, Breakdown: values}, asInvalid(err)
}

// reader returns the reader of the history, and the requested range. A site without data has its present day.
func (s *Sites) reader(
	ctx context.Context, site ingeststore.Site, asked HistoryDays,
) (*history.Reader, calendar.Range, error) {
	opened, err := s.Warehouse(ctx)
	if err != nil {
		return nil, calendar.Range{}, err
	}
	reader := &history.Reader{Warehouse: opened}
	if asked.From != nil && asked.To != nil {
		return reader, calendar.Range{First: *asked.From, Last: *asked.To}, nil
	}
	extents, err := reader.Extents(ctx, []uint64{uint64(site.ID)})
	if err != nil {
		return nil, calendar.Range{}, asInvalid(err)
	}
	days, found := extents[uint64(site.ID)]
	if !found {
		present, err := today(site.TimeZone)
		if err != nil {
			return nil, calendar.Range{}, fmt.Errorf("site %s: %w", site.Domain, err)
		}
		days = calendar.Range{First: present, Last: present}
	}
	return reader, asked.within(days), nil
}

// within completes the range by the days of a history.
func (d HistoryDays) within(days calendar.Range) calendar.Range {
	if d.From != nil {
		days = calendar.Range{First: *d.From, Last: max(days.Last, *d.From)}
		return calendar.Range{First: days.First, Last: min(days.Last, days.First+history.MaxDays-1)}
	}
	if d.To != nil {
		days = calendar.Range{First: min(days.First, *d.To), Last: *d.To}
	}
	return calendar.Range{First: max(days.First, days.Last-history.MaxDays+1), Last: days.Last}
}

// asInvalid marks an error that the query is to blame for.
func asInvalid(err error) error {
	if errors.Is(err, history.ErrInvalid) || errors.Is(err, history.ErrTooLarge) {
		return call.Mark(err, call.ErrInvalid)
	}
	return err
}

// Rows returns the points as a table, with a header.
func (h History) Rows() [][]string {
	rows := [][]string{{"start", "origin", "import", string(h.Metric), "days"}}
	for _, p := range h.Points {
		id := ""
		if p.Import != 0 {
			id = strconv.FormatUint(p.Import, 10)
		}
		rows = append(rows, []string{
			p.Start.String(), p.Origin, id, strconv.FormatUint(p.Value, 10), strconv.FormatUint(p.Days, 10),
		})
	}
	return rows
}

// Rows returns the values as a table, with a header.
func (b Breakdown) Rows() [][]string {
	rows := [][]string{{"value", "country", "visitors", "visits", "pageviews"}}
	for _, v := range b.Values {
		rows = append(rows, []string{
			v.Value, v.Country, strconv.FormatUint(v.Visitors, 10), strconv.FormatUint(v.Visits, 10),
			strconv.FormatUint(v.Pageviews, 10),
		})
	}
	return rows
}
