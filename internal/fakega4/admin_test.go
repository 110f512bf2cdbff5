package fakega4_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	analyticsadmin "google.golang.org/api/analyticsadmin/v1beta"

	"github.com/sluicehq/sluice/internal/fakega4"
)

func TestAccountSummaries(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{})
	var names, properties []string
	for token, pages := "", 1; ; pages++ {
		code, _, body := c.call(t, http.MethodGet, "/v1beta/accountSummaries?pageSize=200&pageToken="+token, nil)
		require.Equal(t, http.StatusOK, code)
		var page analyticsadmin.GoogleAnalyticsAdminV1betaListAccountSummariesResponse
		require.NoError(t, json.Unmarshal(body, &page))
		for _, a := range page.AccountSummaries {
			names = append(names, a.Name)
			for _, p := range a.PropertySummaries {
				properties = append(properties, p.Property)
			}
		}
		if token = page.NextPageToken; token == "" {
			require.Equal(t, 2, pages)
			break
		}
	}
	require.Len(t, names, fakega4.Accounts)
	require.Equal(t, []string{c.Property(), "properties/" + fakega4.EmptyProperty}, properties)
	for _, query := range []string{"pageToken=x", "pageToken=3", "pageToken=0", "pageSize=-1", "pageSize=x"} {
		code, _, _ := c.call(t, http.MethodGet, "/v1beta/accountSummaries?"+query, nil)
		require.Equal(t, http.StatusBadRequest, code, query)
	}
}

func TestProperty(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{TimeZone: "Europe/Warsaw"})
	code, _, body := c.call(t, http.MethodGet, "/v1beta/"+c.Property(), nil)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "Europe/Warsaw", text(t, body, "timeZone"))
	require.Equal(t, c.Property(), text(t, body, "name"))
	for path, want := range map[string]int{
		"/v1beta/properties/1": http.StatusForbidden, "/v1beta/nothing": http.StatusNotFound,
	} {
		code, _, _ = c.call(t, http.MethodGet, path, nil)
		require.Equal(t, want, code)
	}
	for path, want := range map[string]int{
		"/v1beta/properties/1:runReport": http.StatusForbidden, "/v1beta/properties/1:runPivotReport": http.StatusNotFound,
	} {
		code, _, _ = c.call(t, http.MethodPost, path, byDate("sessions"))
		require.Equal(t, want, code)
	}
}
