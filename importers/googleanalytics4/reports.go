package googleanalytics4

import (
	analyticsdata "google.golang.org/api/analyticsdata/v1beta"

	"github.com/sluicehq/sluice/warehouse/schema"
)

// report is one of Google's reports and its imported table. See
// https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema for the dimensions
// and metrics.
type report struct {
	table *schema.Table
	// dimensions are at most nine, the API's limit. The first is the date.
	dimensions []string
	// texts fill the table's columns of text.
	texts []text
	// metrics fill the table's counters.
	metrics []metric
	// without lists the events to exclude.
	without []string
}

// text is a text column, computed from a row's dimensions.
type text struct {
	column int
	value  func(d dims, n *notes) string
}

// metric is a number of a report with its target columns.
type metric struct {
	name, expression string
	columns          []schema.Column
	indexes          []int
	// total is the required agreement of the sum over all rows with the report's total.
	total agreement
	// floored maps negative values to 0: the value is the difference of two separate estimates.
	floored bool
}

// agreement is the expected relation of a metric's sum to its total.
type agreement int

const (
	// totalNone: the metric counts people, who appear in several rows.
	totalNone agreement = iota
	// totalExact: the metric counts things that belong to one row each.
	totalExact
	// totalNear: as totalExact, but Google estimates the figure. See
	// https://developers.google.com/analytics/blog/2022/hll.
	totalNear
)

// dims are the values of a row's dimensions.
type dims []value

// newReports returns the nine reports. sourceName names traffic sources.
func newReports(sourceName func(string) string) []*report {
	at := func(i int, convert func(string) string) func(dims, *notes) string {
		return func(d dims, _ *notes) string { return convert(d[i].Value) }
	}
	return []*report{
		{
			table: schema.Visitors, dimensions: []string{"date"},
			metrics: inSessions(schema.Visitors, "visits"),
		},
		{
			// Not sessionGoogleAdsKeyword, which would add the search terms of ads: with dimensions
			// of Google Ads the API omits data older than 36 months.
			table: schema.Sources, dimensions: []string{
				"date", "sessionSource", "sessionDefaultChannelGroup", "sessionManualSource", "sessionMedium",
				"sessionCampaignName", "sessionManualAdContent", "sessionManualTerm",
			},
			texts: []text{
				{schema.Sources.Index("source"), at(1, func(v string) string { return source(v, sourceName) })},
				{schema.Sources.Index("channel"), at(2, present)},
				{schema.Sources.Index("utm_source"), at(3, present)},
				{schema.Sources.Index("utm_medium"), func(d dims, _ *notes) string { return medium(d[4].Value, d[3].Value) }},
				{schema.Sources.Index("utm_campaign"), at(5, campaign)},
				{schema.Sources.Index("utm_content"), at(6, present)},
				{schema.Sources.Index("utm_term"), at(7, present)},
			},
			metrics: inSessions(schema.Sources, "visits"),
		},
		{
			table: schema.Pages, dimensions: []string{"date", "hostName", "pagePath"},
			texts: []text{
				{schema.Pages.Index("hostname"), at(1, hostname)},
				{schema.Pages.Index("page"), at(2, path)},
			},
			metrics: []metric{
				count(schema.Pages, "totalUsers", totalNone, "visitors"),
				count(schema.Pages, "screenPageViews", totalExact, "pageviews"),
				// A session views many pages and is counted in many rows.
				count(schema.Pages, "sessions", totalNone, "visits", "total_time_on_page_visits"),
				count(schema.Pages, "userEngagementDuration", totalNone, "total_time_on_page"),
			},
		},
		{
			table: schema.EntryPages, dimensions: []string{"date", "landingPage"},
			texts:   []text{{schema.EntryPages.Index("entry_page"), at(1, path)}},
			metrics: inSessions(schema.EntryPages, "entrances"),
		},
		{
			table: schema.CustomEvents, dimensions: []string{"date", "eventName", "linkUrl"},
			texts: []text{
				{schema.CustomEvents.Index("name"), at(1, eventName)},
				{schema.CustomEvents.Index("link_url"), at(2, present)},
			},
			metrics: []metric{
				count(schema.CustomEvents, "totalUsers", totalNone, "visitors"),
				count(schema.CustomEvents, "eventCount", totalExact, "events"),
			},
			// Events that Google sends for every visit, and that other reports count.
			without: []string{"page_view", "session_start", "first_visit", "user_engagement"},
		},
		{
			// Without the city: Google's city names have no GeoNames ID, and rows by city stored
			// without one would only count visitors several times.
			table: schema.Locations, dimensions: []string{"date", "countryId", "region"},
			texts: []text{
				{schema.Locations.Index("country"), at(1, country)},
				{schema.Locations.Index("region"), func(d dims, n *notes) string { return region(d[1].Value, d[2].Value, n) }},
			},
			metrics: inSessions(schema.Locations, "visits"),
		},
		{
			table: schema.Devices, dimensions: []string{"date", "deviceCategory"},
			texts:   []text{{schema.Devices.Index("device"), at(1, device)}},
			metrics: inSessions(schema.Devices, "visits"),
		},
		{
			table: schema.Browsers, dimensions: []string{"date", "browser"},
			texts:   []text{{schema.Browsers.Index("browser"), at(1, browser)}},
			metrics: inSessions(schema.Browsers, "visits"),
		},
		{
			table: schema.OperatingSystems, dimensions: []string{"date", "operatingSystem", "operatingSystemVersion"},
			texts: []text{
				{schema.OperatingSystems.Index("operating_system"), at(1, operatingSystem)},
				{schema.OperatingSystems.Index("operating_system_version"), func(d dims, _ *notes) string {
					return systemVersion(d[1].Value, d[2].Value)
				}},
			},
			metrics: inSessions(schema.OperatingSystems, "visits"),
		},
	}
}

// inSessions returns the metrics of a report by a property of sessions.
func inSessions(t *schema.Table, visits string) []metric {
	bounces := count(t, "bounces", totalNone, "bounces")
	bounces.expression, bounces.floored = "sessions-engagedSessions", true
	return []metric{
		count(t, "screenPageViews", totalExact, "pageviews"),
		count(t, "totalUsers", totalNone, "visitors"),
		count(t, "sessions", totalNear, visits),
		bounces,
		count(t, "userEngagementDuration", totalNone, "visit_duration"),
	}
}

func count(t *schema.Table, name string, total agreement, columns ...string) metric {
	m := metric{name: name, total: total}
	for _, column := range columns {
		i := t.Index(column)
		m.indexes = append(m.indexes, i)
		m.columns = append(m.columns, t.Columns[i])
	}
	return m
}

// request returns the request for a page of the report, ordered by all dimensions, the date first.
// No two rows have the same dimensions, so pages neither overlap nor leave gaps, and days that
// Google still corrects are on the last pages.
func (r *report) request(start, end string, offset, limit int64) *analyticsdata.RunReportRequest {
	req := &analyticsdata.RunReportRequest{
		DateRanges: []*analyticsdata.DateRange{{StartDate: start, EndDate: end}},
		Offset:     offset, Limit: limit,
		MetricAggregations: []string{"TOTAL"}, ReturnPropertyQuota: true,
	}
	for _, name := range r.dimensions {
		req.Dimensions = append(req.Dimensions, &analyticsdata.Dimension{Name: name})
		req.OrderBys = append(req.OrderBys, orderBy(name, false))
	}
	for _, m := range r.metrics {
		req.Metrics = append(req.Metrics, &analyticsdata.Metric{Name: m.name, Expression: m.expression})
	}
	if len(r.without) > 0 {
		req.DimensionFilter = &analyticsdata.FilterExpression{NotExpression: &analyticsdata.FilterExpression{
			Filter: &analyticsdata.Filter{
				FieldName: "eventName", InListFilter: &analyticsdata.InListFilter{Values: r.without, CaseSensitive: true},
			},
		}}
	}
	return req
}

func orderBy(dimension string, desc bool) *analyticsdata.OrderBy {
	return &analyticsdata.OrderBy{
		Dimension: &analyticsdata.DimensionOrderBy{DimensionName: dimension, OrderType: "ALPHANUMERIC"}, Desc: desc,
	}
}
