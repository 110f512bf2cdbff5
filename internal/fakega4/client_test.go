package fakega4_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	analyticsdata "google.golang.org/api/analyticsdata/v1beta"

	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/fakega4/fakega4test"
)

// client talks to a fake as a program would.
type client struct {
	*fakega4test.Fake
	token string
}

// noon is the clock's time in most tests.
var noon = time.Date(2024, time.March, 2, 12, 0, 0, 0, time.UTC)

func start(t *testing.T, cfg fakega4.Config) *client {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return noon }
	}
	c := &client{Fake: fakega4test.Start(t, cfg)}
	code, body := c.grant(t, url.Values{
		"grant_type": {"refresh_token"}, "client_id": {fakega4.ClientID}, "client_secret": {fakega4.ClientSecret},
		"refresh_token": {fakega4.RefreshToken},
	})
	require.Equal(t, http.StatusOK, code)
	c.token = text(t, body, "access_token")
	return c
}

// grant asks for an access token.
func (c *client) grant(t *testing.T, form url.Values) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+"/token", bytes.NewBufferString(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	code, _, body := send(t, req)
	return code, body
}

// call makes a call of an API and returns its status, header and body.
func (c *client) call(t *testing.T, method, path string, body any) (int, http.Header, []byte) {
	t.Helper()
	return send(t, c.request(t, method, path, body))
}

// request returns a request with the token of the client.
func (c *client) request(t *testing.T, method, path string, body any) *http.Request {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, c.URL+path, bytes.NewReader(raw))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+c.token)
	return req
}

func send(t *testing.T, req *http.Request) (int, http.Header, []byte) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode, res.Header, body
}

// report runs a report, which must work.
func (c *client) report(t *testing.T, req *analyticsdata.RunReportRequest) *analyticsdata.RunReportResponse {
	t.Helper()
	code, _, body := c.call(t, http.MethodPost, "/v1beta/"+c.Property()+":runReport", req)
	require.Equal(t, http.StatusOK, code, "%s", body)
	var res analyticsdata.RunReportResponse
	require.NoError(t, json.Unmarshal(body, &res))
	return &res
}

// refusal is an error of an API.
type refusal struct {
	Code    int
	Message string
	Status  string
	Details []map[string]any
}

// refused runs a report, which must not work.
func (c *client) refused(t *testing.T, req any) refusal {
	t.Helper()
	code, _, body := c.call(t, http.MethodPost, "/v1beta/"+c.Property()+":runReport", req)
	var answer struct{ Error refusal }
	require.NoError(t, json.Unmarshal(body, &answer), "%s", body)
	require.Equal(t, code, answer.Error.Code)
	return answer.Error
}

// byDate is a request for all days.
func byDate(metrics ...string) *analyticsdata.RunReportRequest {
	req := &analyticsdata.RunReportRequest{
		DateRanges: []*analyticsdata.DateRange{{StartDate: "2015-08-14", EndDate: "today"}},
		Dimensions: []*analyticsdata.Dimension{{Name: "date"}}, ReturnPropertyQuota: true,
		OrderBys: []*analyticsdata.OrderBy{{Dimension: &analyticsdata.DimensionOrderBy{DimensionName: "date"}}},
	}
	for _, m := range metrics {
		req.Metrics = append(req.Metrics, &analyticsdata.Metric{Name: m})
	}
	return req
}

// by is a request for all days by the dimensions, whose names commas separate.
func by(dimensions string, metrics ...string) *analyticsdata.RunReportRequest {
	req := byDate(metrics...)
	for d := range strings.SplitSeq(dimensions, ",") {
		req.Dimensions = append(req.Dimensions, &analyticsdata.Dimension{Name: d})
	}
	return req
}

func text(t *testing.T, body []byte, field string) string {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal(body, &fields), "%s", body)
	v, ok := fields[field].(string)
	require.True(t, ok, "no %s in %s", field, body)
	return v
}
