package fakega4_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	analyticsdata "google.golang.org/api/analyticsdata/v1beta"

	"github.com/sluicehq/sluice/internal/fakega4"
)

func TestReport(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{Days: 5, RowsPerDay: 7})
	req := byDate("sessions", "engagedSessions")
	req.Metrics = append(req.Metrics, &analyticsdata.Metric{Name: "bounces", Expression: "sessions - engagedSessions"})
	req.MetricAggregations = []string{"TOTAL"}
	res := c.report(t, req)
	require.Equal(t, int64(5), res.RowCount)
	require.Equal(t, "analyticsData#runReport", res.Kind)
	require.Equal(t, "UTC", res.Metadata.TimeZone)
	require.Equal(t, "bounces", res.MetricHeaders[2].Name)
	require.Equal(t, "20240226", res.Rows[0].DimensionValues[0].Value)
	require.Equal(t, "20240301", res.Rows[4].DimensionValues[0].Value, "yesterday")
	total := 0
	for _, row := range res.Rows {
		var n [3]int
		for i, v := range row.MetricValues {
			var err error
			n[i], err = strconv.Atoi(v.Value)
			require.NoError(t, err)
		}
		require.Equal(t, 7, n[0])
		require.Equal(t, n[0]-n[1], n[2])
		total += n[2]
	}
	require.Equal(t, "35", res.Totals[0].MetricValues[0].Value)
	require.Equal(t, strconv.Itoa(total), res.Totals[0].MetricValues[2].Value)

	req.Property, req.OrderBys[0].Desc, req.Limit = "", true, 1
	req.DateRanges[0].StartDate, req.DateRanges[0].EndDate = "4daysAgo", "yesterday"
	res = c.report(t, req)
	require.Equal(t, int64(4), res.RowCount, "whatever the limit")
	require.Len(t, res.Rows, 1)
	require.Equal(t, "20240301", res.Rows[0].DimensionValues[0].Value)
}

// The same seed gives the same data; another gives others.
func TestGeneratedDataAreStable(t *testing.T) {
	t.Parallel()
	rows := func(seed uint64) string {
		c := start(t, fakega4.Config{Seed: seed})
		raw, err := json.Marshal(c.report(t, byDate("totalUsers", "screenPageViews", "userEngagementDuration")).Rows)
		require.NoError(t, err)
		return string(raw)
	}
	first := rows(1)
	require.Equal(t, first, rows(1))
	require.NotEqual(t, first, rows(2))
}

// Pages of a report that is ordered by all dimensions fit together; without that they
// need not, as at Google.
func TestPaging(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{Days: 9, RowsPerDay: 20})
	req := byDate("sessions")
	req.Dimensions = append(req.Dimensions, &analyticsdata.Dimension{Name: "pagePath"})
	read := func() map[string]int {
		seen := map[string]int{}
		for req.Offset = 0; ; req.Offset += req.Limit {
			res := c.report(t, req)
			require.Equal(t, int64(180), res.RowCount)
			for _, row := range res.Rows {
				seen[row.DimensionValues[0].Value+row.DimensionValues[1].Value]++
			}
			if len(res.Rows) < int(req.Limit) {
				return seen
			}
		}
	}
	req.Limit = 50
	require.Less(t, len(read()), 180, "rows of one day come in any order")
	req.OrderBys = append(req.OrderBys, &analyticsdata.OrderBy{Dimension: &analyticsdata.DimensionOrderBy{
		DimensionName: "pagePath", OrderType: "ALPHANUMERIC",
	}})
	require.Len(t, read(), 180)
	req.OrderBys = []*analyticsdata.OrderBy{{Metric: &analyticsdata.MetricOrderBy{MetricName: "sessions"}, Desc: true}}
	req.Offset, req.Limit = 0, 2
	res := c.report(t, req)
	require.GreaterOrEqual(t, res.Rows[0].MetricValues[0].Value, res.Rows[1].MetricValues[0].Value)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{})
	events := func(f *analyticsdata.FilterExpression) (names []string) {
		req := byDate("eventCount")
		req.Dimensions[0].Name, req.OrderBys, req.DimensionFilter = "eventName", nil, f
		for _, row := range c.report(t, req).Rows {
			names = append(names, row.DimensionValues[0].Value)
		}
		return names
	}
	list := &analyticsdata.FilterExpression{Filter: &analyticsdata.Filter{
		FieldName: "eventName", InListFilter: &analyticsdata.InListFilter{Values: []string{"CLICK", "scroll"}},
	}}
	require.ElementsMatch(t, []string{"click", "scroll"}, events(list))
	list.Filter.InListFilter.CaseSensitive = true
	require.Equal(t, []string{"scroll"}, events(list))
	require.NotContains(t, events(&analyticsdata.FilterExpression{NotExpression: list}), "scroll")
	require.Equal(t, []string{"click"}, events(&analyticsdata.FilterExpression{Filter: &analyticsdata.Filter{
		FieldName: "eventName", StringFilter: &analyticsdata.StringFilter{Value: "click"},
	}}))
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{})
	for name, tc := range map[string]struct {
		spoil func(r *analyticsdata.RunReportRequest)
		code  int
		says  string
	}{
		"dimension": {func(r *analyticsdata.RunReportRequest) { r.Dimensions[0].Name = "day" }, 400, "Field day is not a valid dimension"},
		"metric":    {func(r *analyticsdata.RunReportRequest) { r.Metrics[0].Name = "hits" }, 400, "Field hits is not a valid metric"},
		"expression": {
			func(r *analyticsdata.RunReportRequest) { r.Metrics[0].Expression = "sessions-hits" }, 400,
			"Field hits is not a valid metric",
		},
		"metric's name": {func(r *analyticsdata.RunReportRequest) { r.Metrics[0].Name = "a b" }, 400, "Invalid metric name"},
		"too many dimensions": {func(r *analyticsdata.RunReportRequest) {
			for range 9 {
				r.Dimensions = append(r.Dimensions, &analyticsdata.Dimension{Name: "city"})
			}
		}, 400, "limited to 9 dimensions"},
		"too many metrics": {func(r *analyticsdata.RunReportRequest) {
			for range 10 {
				r.Metrics = append(r.Metrics, &analyticsdata.Metric{Name: "sessions"})
			}
		}, 400, "limited to 10 metrics"},
		"no dates":  {func(r *analyticsdata.RunReportRequest) { r.DateRanges = nil }, 400, "A dateRange is required"},
		"too early": {func(r *analyticsdata.RunReportRequest) { r.DateRanges[0].StartDate = "2015-08-13" }, 400, "before 2015-08-14"},
		"bad date":  {func(r *analyticsdata.RunReportRequest) { r.DateRanges[0].EndDate = "tomorrow" }, 400, "Invalid date"},
		"reversed": {func(r *analyticsdata.RunReportRequest) {
			r.DateRanges[0].EndDate = "2015-08-14"
			r.DateRanges[0].StartDate = "today"
		}, 400, "must not be before the start"},
		"negative offset": {func(r *analyticsdata.RunReportRequest) { r.Offset = -1 }, 400, "must not be negative"},
		"order": {
			func(r *analyticsdata.RunReportRequest) { r.OrderBys[0].Dimension.DimensionName = "city" }, 400,
			"not in the request",
		},
		"filter": {func(r *analyticsdata.RunReportRequest) {
			r.DimensionFilter = &analyticsdata.FilterExpression{Filter: &analyticsdata.Filter{
				FieldName: "x", StringFilter: &analyticsdata.StringFilter{Value: "y"},
			}}
		}, 400, "Field x is not a valid dimension"},
		"cohorts": {func(r *analyticsdata.RunReportRequest) { r.CohortSpec = &analyticsdata.CohortSpec{} }, 501, "This fake"},
		"pattern": {func(r *analyticsdata.RunReportRequest) {
			r.DimensionFilter = &analyticsdata.FilterExpression{Filter: &analyticsdata.Filter{
				FieldName: "city", StringFilter: &analyticsdata.StringFilter{MatchType: "FULL_REGEXP", Value: "y"},
			}}
		}, 501, "This fake"},
		"minimum": {func(r *analyticsdata.RunReportRequest) { r.MetricAggregations = []string{"MINIMUM"} }, 501, "This fake"},
	} {
		req := byDate("sessions")
		tc.spoil(req)
		got := c.refused(t, req)
		require.Equal(t, tc.code, got.Code, name)
		require.Contains(t, got.Message, tc.says, name)
	}
	got := c.refused(t, map[string]any{"dimension": "date"})
	require.Equal(t, "INVALID_ARGUMENT", got.Status)
	require.Contains(t, got.Message, "Invalid JSON payload received")
}

func TestBatch(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{Days: 3})
	path := "/v1beta/" + c.Property() + ":batchRunReports"
	batch := analyticsdata.BatchRunReportsRequest{
		Requests: []*analyticsdata.RunReportRequest{byDate("sessions"), byDate("eventCount")},
	}
	code, _, body := c.call(t, http.MethodPost, path, batch)
	require.Equal(t, http.StatusOK, code)
	var res analyticsdata.BatchRunReportsResponse
	require.NoError(t, json.Unmarshal(body, &res))
	require.Equal(t, "analyticsData#batchRunReports", res.Kind)
	require.Len(t, res.Reports, 2)
	require.Len(t, res.Reports[1].Rows, 3)
	require.Equal(t, "eventCount", res.Reports[1].MetricHeaders[0].Name)
	for range 4 {
		batch.Requests = append(batch.Requests, byDate("sessions"))
	}
	code, _, _ = c.call(t, http.MethodPost, path, batch)
	require.Equal(t, http.StatusBadRequest, code)
}

func TestEmptyProperty(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{})
	code, _, body := c.call(t, http.MethodPost, "/v1beta/properties/"+fakega4.EmptyProperty+":runReport", byDate("sessions"))
	require.Equal(t, http.StatusOK, code)
	var res analyticsdata.RunReportResponse
	require.NoError(t, json.Unmarshal(body, &res))
	require.Empty(t, res.Rows)
	require.Zero(t, res.RowCount)
}
