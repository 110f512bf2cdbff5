package fakega4_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	analyticsdata "google.golang.org/api/analyticsdata/v1beta"

	"github.com/sluicehq/sluice/internal/fakega4"
)

func TestFaultsByControl(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{})
	control := func(method, path string, body any) int {
		code, _, _ := c.call(t, method, "/control/"+path, body)
		return code
	}
	require.Equal(t, http.StatusNoContent, control(http.MethodPost, "faults", map[string]any{
		"method": "runReport", "status": 403, "reason": "SERVICE_DISABLED", "skip": 1, "times": 1,
	}))
	require.NotEmpty(t, c.report(t, byDate("sessions")).Rows, "skipped")
	got := c.refused(t, byDate("sessions"))
	require.Equal(t, "PERMISSION_DENIED", got.Status)
	require.Equal(t, "SERVICE_DISABLED", got.Details[1]["reason"])
	require.NotEmpty(t, c.report(t, byDate("sessions")).Rows, "over")

	require.Equal(t, http.StatusNoContent, control(http.MethodPost, "faults", map[string]any{"status": 503, "retry_after": 9}))
	code, header, _ := c.call(t, http.MethodGet, "/v1beta/accountSummaries", nil)
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "9", header.Get("Retry-After"))
	require.Equal(t, http.StatusNoContent, control(http.MethodDelete, "faults", nil))
	require.NotEmpty(t, c.report(t, byDate("sessions")).Rows)

	require.Equal(t, http.StatusNoContent, control(http.MethodPost, "quotas/tokensPerDay/exhaust", nil))
	require.Equal(t, 429, c.refused(t, byDate("sessions")).Code)
	require.Equal(t, http.StatusNoContent, control(http.MethodPost, "tokens/revoke", nil))
	require.Equal(t, 401, c.refused(t, byDate("sessions")).Code)
	require.Equal(t, http.StatusNotFound, control(http.MethodPost, "quotas/other/exhaust", nil))
	require.Equal(t, http.StatusBadRequest, control(http.MethodPost, "faults", map[string]any{"statut": 503}))
}

func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{})
	post := func(ctx context.Context) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/v1beta/"+c.Property()+":runReport",
			strings.NewReader(`{"dateRanges": [{"startDate": "today", "endDate": "today"}], "metrics": [{"name": "sessions"}]}`))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+c.token)
		return http.DefaultClient.Do(req)
	}
	c.Inject(fakega4.Fault{Cut: true, Times: 1}, fakega4.Fault{Garbage: true, Times: 1}, fakega4.Fault{Hang: true, Times: 1},
		fakega4.Fault{Delay: 30 * time.Millisecond, Times: 1})
	res, err := post(t.Context())
	require.NoError(t, err)
	_, err = io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut")
	require.NoError(t, res.Body.Close())

	res, err = post(t.Context())
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.True(t, strings.HasPrefix(string(body), "<html>"), "garbage")

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = post(ctx) //nolint:bodyclose // there is none
	require.ErrorIs(t, err, context.DeadlineExceeded, "hang")

	begun := time.Now()
	res, err = post(t.Context())
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.GreaterOrEqual(t, time.Since(begun), 30*time.Millisecond, "slow")
}

const recordedVisitors = `{"reports": [{
	"dimensionHeaders": [{"name": "date"}], "metricHeaders": [{"name": "sessions"}, {"name": "screenPageViews"}],
	"rowCount": 2, "metadata": {"timeZone": "Europe/Amsterdam"}, "rows": [
		{"dimensionValues": [{"value": "20200102"}], "metricValues": [{"value": "5"}, {"value": "9"}]},
		{"dimensionValues": [{"value": "20200101"}], "metricValues": [{"value": "7"}, {"value": "8.0"}]}]}]}`

func TestRecorded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := fakega4.New(fakega4.Config{Dir: dir})
	require.ErrorContains(t, err, "no recorded reports by date")
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	write("visitors.json", recordedVisitors)
	write("property.json", `{"name": "properties/1"}`)
	write("first.json", strings.Replace(recordedVisitors, `"rowCount": 2`, `"rowCount": 50`, 1))
	c := start(t, fakega4.Config{Dir: dir})
	req := byDate("screenPageViews", "sessions")
	req.MetricAggregations = []string{"TOTAL"}
	res := c.report(t, req)
	require.Equal(t, int64(2), res.RowCount)
	require.Equal(t, "Europe/Amsterdam", res.Metadata.TimeZone)
	require.Equal(t, "20200101", res.Rows[0].DimensionValues[0].Value)
	require.Equal(t, "8.0", res.Rows[0].MetricValues[0].Value, "as it was recorded")
	require.Equal(t, "17", res.Totals[0].MetricValues[0].Value)
	require.Empty(t, c.report(t, by("browser", "sessions")).Rows, "nothing was recorded of it")
	req.DateRanges[0].EndDate = "2020-01-01"
	require.Len(t, c.report(t, req).Rows, 1)

	// An answer that was recorded to another request is refused, with the difference.
	byBrowser := strings.ReplaceAll(strings.Replace(recordedVisitors, `[{"name": "date"}]`, `[{"name": "date"}, {"name": "browser"}]`, 1),
		`"}], "metricValues"`, `"}, {"value": "Firefox"}], "metricValues"`)
	write("browsers.json", byBrowser)
	c = start(t, fakega4.Config{Dir: dir})
	require.Len(t, c.report(t, by("browser", "sessions")).Rows, 2)
	for _, tc := range []struct {
		req  *analyticsdata.RunReportRequest
		want string
	}{
		{byDate("eventCount"), "recorded answer visitors.json has the metrics sessions, screenPageViews, and lacks eventCount"},
		{by("browser", "sessions", "totalUsers"), "recorded answer browsers.json has the metrics sessions, screenPageViews, and lacks totalUsers"},
		{by("browser,operatingSystem", "sessions"), "recorded answer browsers.json has the dimensions date, browser, want date, browser, operatingSystem"},
	} {
		require.Contains(t, c.refused(t, tc.req).Message, "No recorded answer matches the request: "+tc.want)
	}
	require.Empty(t, c.report(t, by("operatingSystem", "sessions")).Rows, "nothing was recorded of it")

	write("broken.json", `{`)
	_, err = fakega4.New(fakega4.Config{Dir: dir})
	require.ErrorContains(t, err, "broken.json")
	_, err = fakega4.New(fakega4.Config{TimeZone: "Mars/Olympus"})
	require.ErrorContains(t, err, "time zone")
}
