package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/calendar"
)

// Dimension is what a breakdown divides by.
type Dimension string

// Dimensions.
const (
	ByPages            Dimension = "pages"
	BySources          Dimension = "sources"
	ByCountries        Dimension = "countries"
	ByRegions          Dimension = "regions"
	ByCities           Dimension = "cities"
	ByBrowsers         Dimension = "browsers"
	ByOperatingSystems Dimension = "operating_systems"
	ByDevices          Dimension = "devices"
)

// Dimensions returns all dimensions.
func Dimensions() []Dimension {
	return []Dimension{
		ByPages, BySources, ByCountries, ByRegions, ByCities, ByBrowsers, ByOperatingSystems, ByDevices,
	}
}

// columns are the views of the dimensions, with the expressions of the value and of its country.
var columns = map[Dimension]struct{ view, value, country string }{
	ByPages:            {"history_pages", "h.page", "''"},
	BySources:          {"history_sources", "h.source", "''"},
	ByCountries:        {"history_locations", "h.country", "h.country"},
	ByRegions:          {"history_locations", "h.region", "h.country"},
	ByCities:           {"history_locations", "toString(h.city)", "h.country"},
	ByBrowsers:         {"history_browsers", "h.browser", "''"},
	ByOperatingSystems: {"history_operating_systems", "h.operating_system", "''"},
	ByDevices:          {"history_devices", "h.device", "''"},
}

// BreakdownQuery asks for the most frequent values of a dimension of a site.
type BreakdownQuery struct {
	SiteID uint64
	By     Dimension
	// Days is the range, of at most MaxDays days.
	Days calendar.Range
	// Limit is the number of values, 1 to MaxValues.
	Limit int
}

// Validate returns every fault, each of them ErrInvalid.
func (q BreakdownQuery) Validate() error {
	var limit error
	if q.Limit < 1 || q.Limit > MaxValues {
		limit = fmt.Errorf("%w: limit %d: want 1 to %d", ErrInvalid, q.Limit, MaxValues)
	}
	return errors.Join(oneOf("by", q.By, Dimensions()), checkDays(q.Days), limit)
}

// Figures are figures of a value, or of all values. Each is a sum over days; a visit to several pages counts for each.
type Figures struct {
	Visitors  uint64 `json:"visitors"`
	Visits    uint64 `json:"visits"`
	Pageviews uint64 `json:"pageviews"`
}

// BreakdownValue is a value of a dimension with its figures. Fields are only ever added.
type BreakdownValue struct {
	Value   string `json:"value" doc:"Path, source, code of a country or region, GeoNames ID of a city, or name; empty or 0 if unknown."`
	Country string `json:"country,omitempty" doc:"Code of the country of a country, region or city."`
	Figures
}

// Breakdown has the most frequent values of a dimension. Fields are only ever added.
type Breakdown struct {
	By     Dimension        `json:"by" enum:"pages,sources,countries,regions,cities,browsers,operating_systems,devices"`
	From   calendar.Day     `json:"from"`
	To     calendar.Day     `json:"to"`
	Values []BreakdownValue `json:"values" doc:"By visitors, most first, then by value."`
	// Different is the number of values without a limit, Total the sum over all of them.
	Different uint64  `json:"different" doc:"Number of different values in the range, also beyond the limit."`
	Total     Figures `json:"total" doc:"Sum over all values, also beyond the limit."`
	SQL       string  `json:"sql" doc:"The query in ClickHouse's SQL, with all values."`
}

// statement returns the query. The names of columns are those of the list above.
func (q BreakdownQuery) statement() statement {
	of := columns[q.By]
	return statement{
		template: "SELECT value, country, visitors, visits, pageviews, count() OVER () AS different,\n" +
			"       sum(visitors) OVER () AS all_visitors, sum(visits) OVER () AS all_visits,\n" +
			"       sum(pageviews) OVER () AS all_pageviews\n" +
			"FROM (\n" +
			"    SELECT " + of.value + " AS value, " + of.country + " AS country, sum(h.visitors) AS visitors,\n" +
			"           sum(h.visits) AS visits, sum(h.pageviews) AS pageviews\n" +
			"    FROM " + of.view + " AS h\n" +
			"    WHERE h.site_id = {site} AND h.day BETWEEN {from} AND {to}\n" +
			"    GROUP BY value, country\n" +
			")\n" +
			"ORDER BY visitors DESC, value, country\n" +
			"LIMIT {limit}",
		parameters: []parameter{
			number("site", q.SiteID), day("from", q.Days.First), day("to", q.Days.Last), number("limit", uint64(q.Limit)),
		},
	}
}

// Breakdown returns the most frequent values of a dimension. The errors are ErrInvalid, ErrTooLarge and those of the
// connection.
func (r *Reader) Breakdown(ctx context.Context, q BreakdownQuery) (Breakdown, error) {
	if err := q.Validate(); err != nil {
		return Breakdown{}, err
	}
	query := q.statement()
	b := Breakdown{By: q.By, From: q.Days.First, To: q.Days.Last, Values: []BreakdownValue{}, SQL: query.sql()}
	err := r.each(ctx, query, func(into func(...any) error) error {
		var v BreakdownValue
		err := into(&v.Value, &v.Country, &v.Visitors, &v.Visits, &v.Pageviews, &b.Different, &b.Total.Visitors,
			&b.Total.Visits, &b.Total.Pageviews)
		b.Values = append(b.Values, v)
		return err
	})
	if err != nil {
		return Breakdown{}, fmt.Errorf("read the %s of site %d: %w", q.By, q.SiteID, err)
	}
	return b, nil
}
