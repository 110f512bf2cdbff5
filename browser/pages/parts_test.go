package pages_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/polltest"
)

// failingReports is a fake of Google Analytics some of whose reports fail.
type failingReports struct {
	*fakega4.Server
	mu sync.Mutex
	// dimensions are those of the reports that fail.
	dimensions []string
}

// ServeHTTP answers a request.
func (f *failingReports) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, dimension := range f.dimensions {
		if strings.Contains(string(body), `"name":"`+dimension+`"`) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, `{"error": {"code": 503, "message": "The service is overloaded.", "status": "UNAVAILABLE"}}`,
				http.StatusServiceUnavailable)
			return
		}
	}
	f.Server.ServeHTTP(w, r)
}

// repair lets a report succeed.
func (f *failingReports) repair(dimension string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.dimensions {
		if f.dimensions[i] == dimension {
			f.dimensions = append(f.dimensions[:i:i], f.dimensions[i+1:]...)
			return
		}
	}
}

// tableRows counts the visible rows of a table of a site.
func tableRows(t require.TestingT, s *suite, table, site string) uint64 {
	var rows []struct {
		N uint64 `ch:"n"`
	}
	require.NoError(t, s.Select(&rows, "SELECT count() AS n FROM "+table+" WHERE domain = ? AND origin = 'imported'", site))
	require.Len(t, rows, 1)
	return rows[0].N
}

// Two reports of an import fail until all retries are exhausted. Each width retries one once the cause is gone; the second
// one completes the import.
func TestRetryPart(t *testing.T) {
	s := setup(t)
	now := time.Date(2026, time.March, 20, 12, 0, 0, 0, time.UTC)
	fake, err := fakega4.New(fakega4.Config{Days: 5, Now: func() time.Time { return now }})
	require.NoError(t, err)
	reports := &failingReports{Server: fake, dimensions: []string{"pagePath", "browser"}}
	server := httptest.NewServer(reports)
	t.Cleanup(server.Close)
	site := s.site(t)
	connection := "ga-" + strings.Split(site, ".")[0]
	post[any](t, s, "/connections", map[string]any{
		"name": connection, "kind": "google_analytics_4",
		"settings": map[string]string{"client_id": fakega4.ClientID, "endpoint": server.URL},
		"secrets":  map[string]string{"client_secret": fakega4.ClientSecret, "refresh_token": fakega4.RefreshToken},
	})
	imported := "/imports/" + strconv.FormatInt(post[struct{ ID int64 }](t, s, "/sites/"+site+"/imports", map[string]any{
		"source": "google_analytics_4", "review": false,
		"args": map[string]string{"connection": connection, "property": fakega4.DefaultProperty},
	}).ID, 10)

	retried := map[int64]struct{ dimension, table, history string }{
		widths[0]: {"pagePath", "imported_pages", "history_pages"},
		widths[1]: {"browser", "imported_browsers", "history_browsers"},
	}
	parked := func(table string) bool {
		for _, part := range get[struct {
			Items []struct{ Table, Status string }
		}](t, s, imported+"/parts").Items {
			if part.Table == table {
				return part.Status == "parked"
			}
		}
		return false
	}
	polltest.Until(t, func(c *polltest.Check) {
		for _, part := range retried {
			require.True(c, parked(part.table), "%s; the import is %s", part.table, importStatus(c, s, imported))
		}
	}, wait, poll)

	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		part, r := retried[width], s.administrator(t, width)
		r.awaitText("The retries of a part are exhausted")
		r.clickNear("Import "+strings.TrimPrefix(imported, "/imports/"), site)
		r.awaitText("Fix the cause below and retry the part, or skip it")
		r.awaitText("google responded with 503")
		r.shoot("parked-part")
		reports.repair(part.dimension)
		r.clickNear("Retry", part.table)
		r.awaitTrue(`![...document.querySelectorAll("main tr")].some((tr) => tr.textContent.includes(`+strconv.Quote(part.table)+
			`) && !tr.textContent.includes("done"))`, "the part is done")
		require.False(t, parked(part.table))
		if width == widths[len(widths)-1] {
			r.awaitText("completed")
			r.shoot("parked-part-retried")
			require.Equal(t, "completed", importStatus(t, s, imported))
			for _, part := range retried {
				require.Positive(t, tableRows(t, s, part.history, site), part.history)
			}
			r.openSite(site)
			for _, point := range get[history](t, s, "/sites/"+site+"/history").Points {
				r.plotted(grouped(point.Value))
			}
			r.click("Browsers")
			top := get[struct {
				Values []struct {
					Value    string
					Visitors uint64
				}
			}](t, s, "/sites/"+site+"/breakdown?by=browsers").Values[0]
			r.awaitText(top.Value + " " + grouped(top.Visitors))
		}
		r.requireNoFaults()
	})
}
