package fakega4

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	analyticsdata "google.golang.org/api/analyticsdata/v1beta"
)

// Limits of a report. A request for more rows gets as many as the limit.
const (
	maxDimensions = 9
	maxMetrics    = 10
	maxRows       = 250_000
	defaultRows   = 10_000
)

// query is a request that was understood.
type query struct {
	start, end    string // YYYYMMDD
	dimensions    []string
	metrics       []metric
	filter        func(dimension func(string) string) bool
	orders        []order
	offset, limit int
	totals        bool
}

// metric is a metric's name and the metrics that are added up and taken off for it.
type metric struct {
	name        string
	plus, minus []string
}

func (m metric) kind() string {
	if m.name == "userEngagementDuration" {
		return "TYPE_SECONDS"
	}
	return "TYPE_INTEGER"
}

// order is one of the things that rows are ordered by: a dimension or a metric.
type order struct {
	dimension, metric int // -1 if it is the other
	desc              bool
}

// price is how many tokens a request takes: more for more columns and rows, as Google
// says, which does not say how many.
func (q *query) price(rows int) int64 {
	return int64(1 + (len(q.dimensions)+len(q.metrics))/4 + rows/10_000)
}

const schemaPage = "For a list of valid dimensions and metrics, see " +
	"https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema"

// parse understands a request or says what is wrong with it.
func (s *Server) parse(req *analyticsdata.RunReportRequest) (*query, *rpcError) {
	bad := func(format string, args ...any) (*query, *rpcError) {
		return nil, fail(http.StatusBadRequest, format, args...)
	}
	switch {
	case req.CohortSpec != nil, req.Comparisons != nil, req.MetricFilter != nil, len(req.DateRanges) > 1:
		return nil, fail(http.StatusNotImplemented, "This fake knows no cohorts, comparisons, filters of metrics, and "+
			"only one date range.")
	case len(req.DateRanges) == 0:
		return bad("A dateRange is required.")
	case len(req.Dimensions) > maxDimensions:
		return bad("Requests are limited to %d dimensions. This request is for %d dimensions.",
			maxDimensions, len(req.Dimensions))
	case len(req.Metrics) > maxMetrics:
		return bad("Requests are limited to %d metrics. This request is for %d metrics.",
			maxMetrics, len(req.Metrics))
	case len(req.Metrics)+len(req.Dimensions) == 0:
		return bad("A dimension or metric is required.")
	case req.Offset < 0 || req.Limit < 0:
		return bad("The offset and the limit must not be negative.")
	}
	q := &query{offset: int(req.Offset), limit: min(int(req.Limit), maxRows)}
	q.limit = cmp.Or(q.limit, defaultRows)
	for _, d := range req.Dimensions {
		if !knownDimension(d.Name) {
			return bad("Field %s is not a valid dimension. %s", d.Name, schemaPage)
		}
		q.dimensions = append(q.dimensions, d.Name)
	}
	for _, m := range req.Metrics {
		parsed, fault := parseMetric(m)
		if fault != nil {
			return nil, fault
		}
		q.metrics = append(q.metrics, parsed)
	}
	for _, kind := range req.MetricAggregations {
		if kind != "TOTAL" {
			return nil, fail(http.StatusNotImplemented, "This fake aggregates to TOTAL only, not %s.", kind)
		}
		q.totals = true
	}
	for _, o := range req.OrderBys {
		parsed, fault := q.parseOrder(o)
		if fault != nil {
			return nil, fault
		}
		q.orders = append(q.orders, parsed)
	}
	if fault := s.parseDates(q, req.DateRanges[0]); fault != nil {
		return nil, fault
	}
	var fault *rpcError
	q.filter, fault = parseFilter(req.DimensionFilter)
	return q, fault
}

var fieldName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// parseMetric reads a metric or an expression of metrics that are added and subtracted.
func parseMetric(m *analyticsdata.Metric) (metric, *rpcError) {
	parsed := metric{name: m.Name}
	if !fieldName.MatchString(m.Name) {
		return metric{}, fail(http.StatusBadRequest, "Invalid metric name %q.", m.Name)
	}
	rest, sign := m.Expression, byte('+')
	rest = cmp.Or(rest, m.Name)
	for rest != "" {
		end := strings.IndexAny(rest, "+-")
		term, next := rest, ""
		nextSign := byte('+')
		if end >= 0 {
			term, next, nextSign = rest[:end], rest[end+1:], rest[end]
		}
		term = strings.TrimSpace(term)
		if !slices.Contains(metricNames, term) {
			return metric{}, fail(http.StatusBadRequest, "Field %s is not a valid metric. %s", term, schemaPage)
		}
		if sign == '+' {
			parsed.plus = append(parsed.plus, term)
		} else {
			parsed.minus = append(parsed.minus, term)
		}
		rest, sign = next, nextSign
	}
	return parsed, nil
}

func (q *query) parseOrder(o *analyticsdata.OrderBy) (order, *rpcError) {
	parsed := order{dimension: -1, metric: -1, desc: o.Desc}
	switch {
	case o.Dimension != nil && (o.Dimension.OrderType == "" || o.Dimension.OrderType == "ALPHANUMERIC"):
		parsed.dimension = slices.Index(q.dimensions, o.Dimension.DimensionName)
	case o.Metric != nil:
		parsed.metric = slices.IndexFunc(q.metrics, func(m metric) bool { return m.name == o.Metric.MetricName })
	default:
		return order{}, fail(http.StatusNotImplemented, "This fake orders by metrics and alphanumerically by dimensions.")
	}
	if parsed.dimension < 0 && parsed.metric < 0 {
		return order{}, fail(http.StatusBadRequest, "Ordering by a field that is not in the request is not allowed.")
	}
	return parsed, nil
}

// earliest is the first day that the API answers for.
const earliest = "20150814"

var daysAgo = regexp.MustCompile(`^(\d{1,6})daysAgo$`)

// parseDates reads days, which may be relative to today in the property's time zone.
func (s *Server) parseDates(q *query, r *analyticsdata.DateRange) *rpcError {
	for _, edge := range []struct {
		given string
		into  *string
	}{{r.StartDate, &q.start}, {r.EndDate, &q.end}} {
		today := s.cfg.Now().In(s.zone)
		var day time.Time
		var err error
		match := daysAgo.FindStringSubmatch(edge.given)
		switch {
		case edge.given == "today":
			day = today
		case edge.given == "yesterday":
			day = today.AddDate(0, 0, -1)
		case match != nil:
			var n int
			n, err = strconv.Atoi(match[1])
			day = today.AddDate(0, 0, -n)
		default:
			day, err = time.Parse(time.DateOnly, edge.given)
		}
		if err != nil {
			return fail(http.StatusBadRequest, "Invalid date %q: want YYYY-MM-DD, NdaysAgo, yesterday or today.", edge.given)
		}
		*edge.into = day.Format("20060102")
	}
	if q.start < earliest {
		return fail(http.StatusBadRequest, "startDate must not be before 2015-08-14.")
	}
	if q.end < q.start {
		return fail(http.StatusBadRequest, "The end date must not be before the start date.")
	}
	return nil
}

// parseFilter reads a filter by lists and by whole values.
func parseFilter(e *analyticsdata.FilterExpression) (func(func(string) string) bool, *rpcError) {
	switch {
	case e == nil:
		return func(func(string) string) bool { return true }, nil
	case e.NotExpression != nil:
		inner, fault := parseFilter(e.NotExpression)
		return func(d func(string) string) bool { return !inner(d) }, fault
	case e.Filter == nil || e.Filter.InListFilter == nil && e.Filter.StringFilter == nil:
		return nil, fail(http.StatusNotImplemented, "This fake filters by lists and by exact values only.")
	case !knownDimension(e.Filter.FieldName):
		return nil, fail(http.StatusBadRequest, "Field %s is not a valid dimension. %s", e.Filter.FieldName, schemaPage)
	}
	f := e.Filter
	var values []string
	caseSensitive := false
	if f.InListFilter != nil {
		values, caseSensitive = f.InListFilter.Values, f.InListFilter.CaseSensitive
	} else {
		if f.StringFilter.MatchType != "" && f.StringFilter.MatchType != "EXACT" {
			return nil, fail(http.StatusNotImplemented, "This fake matches exactly only, not %s.", f.StringFilter.MatchType)
		}
		values, caseSensitive = []string{f.StringFilter.Value}, f.StringFilter.CaseSensitive
	}
	return func(d func(string) string) bool {
		got := d(f.FieldName)
		return slices.ContainsFunc(values, func(v string) bool {
			return v == got || !caseSensitive && strings.EqualFold(v, got)
		})
	}, nil
}
