package pages_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

// plain returns a value of the API as pages write it.
func plain(value any) string {
	if n, ok := value.(float64); ok {
		return humanize.Comma(int64(n))
	}
	return fmt.Sprint(value)
}

// tableRows returns the words of each row of the tables of a page.
func (p page) tableRows(t *testing.T) (rows [][]string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(p.html))
	require.NoError(t, err)
	for node := range root.Descendants() {
		if node.Type != html.ElementNode || node.Data != "tr" {
			continue
		}
		var words []string
		for inner := range node.Descendants() {
			if inner.Type == html.TextNode {
				words = append(words, strings.Fields(inner.Data)...)
			}
		}
		rows = append(rows, words)
	}
	return rows
}

// rowOf returns the row with the words of a text.
func rowOf(rows [][]string, text string) ([]string, bool) {
	// The text of another row may have the same number, as in "1 second ago".
	for _, holds := range []func(row, text string) bool{strings.HasPrefix, strings.Contains} {
		for _, row := range rows {
			line := " " + strings.Join(row, " ") + " "
			if holds(line, " "+text+" ") {
				return row, true
			}
		}
	}
	return nil, false
}

// syncMembers runs the sync members of so many records, and of one that the target takes not.
func (b *bundle) syncMembers(t *testing.T, n int) {
	t.Helper()
	mailchimp, at := fakemailchimp.New(fakemailchimp.Config{}), time.Now().Add(-time.Hour)
	for i := range n {
		mailchimp.Put(fakemailchimp.Member{Email: fmt.Sprintf("member%d@example.com", i), LastChanged: at, OptedIn: at})
	}
	mailchimp.Put(fakemailchimp.Member{
		Email: "large@example.com", LastChanged: at, MergeFields: map[string]any{"FNAME": strings.Repeat("x", 61_000)},
	})
	from := httptest.NewServer(mailchimp)
	to := httptest.NewServer(fakeometria.New(fakeometria.Config{Queue: -1, Rate: -1}))
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	for path, body := range map[string]string{
		"/connections": fmt.Sprintf(`{"name": "from", "kind": "mailchimp", "settings": {"endpoint": %q},
			"secrets": {"api_key": %q}}`, from.URL+"/3.0", fakemailchimp.Key),
		"/connections?": fmt.Sprintf(`{"name": "to", "kind": "ometria", "settings": {"endpoint": %q},
			"secrets": {"api_key": %q}}`, to.URL+"/v2", fakeometria.Key),
	} {
		p := b.send(t, http.MethodPost, "/api/v1"+path, strings.NewReader(body), "application/json")
		require.Equal(t, http.StatusCreated, p.status, p.html)
	}
	p := b.send(t, http.MethodPost, "/api/v1/syncs", strings.NewReader(`{"name": "members",
		"list_id": "`+fakemailchimp.List+`", "from": {"kind": "mailchimp", "connection": "from"},
		"to": {"kind": "ometria", "connection": "to"}}`), "application/json")
	require.Equal(t, http.StatusCreated, p.status, p.html)
	polltest.Until(t, func(check *polltest.Check) {
		var sync syncclient.Sync
		b.read(t, "/syncs/members", &sync)
		require.Equal(check, syncclient.StateCurrent, sync.State)
	}, 2*time.Minute, 50*time.Millisecond)
}

// Pages have the numbers of the API.
func TestPagesHaveTheNumbersOfTheAPI(t *testing.T) {
	t.Parallel()
	b := setup(t, func(worker *config.Config) { worker.Notify.Webhooks = "ops" })
	b.post(t, "/destinations/webhook/pause", url.Values{})
	b.addWebhook(t, "ops")
	b.syncMembers(t, 1234)
	imp, err := b.Starter.CreateImport(enginetest.Context(t), starter.Request{
		Site: site, Source: "noop", Args: []byte(`{"rows": 1234, "parts": 3}`),
	})
	require.NoError(t, err)
	b.Wait(t, imp.ID)
	big := b.planned(t, 1000)
	polltest.Until(t, func(check *polltest.Check) {
		var sent struct{ Items []starter.SentNotification }
		b.read(t, "/notifications", &sent)
		require.NotEmpty(check, sent.Items)
	}, time.Minute, 50*time.Millisecond)
	b.sendToWebhook(t, "1")
	b.sendToWebhook(t, "2")
	b.post(t, "/flows/edit/apply", url.Values{"flows": {pageFlow}})
	b.post(t, "/events/new", url.Values{"source": {"shop"}, "name": {"order.paid"}, "data": {"{}"}})
	b.post(t, "/new/schedule", url.Values{"site": {site}, "source": {"noop"}, "name": {"nightly"}, "cron": {"0 3 * * *"}})

	// Lists: each row has the numbers of its item, in this order.
	for path, of := range map[string]struct {
		key     string
		numbers []string
	}{
		"/imports":                               {"id", []string{"parts_done", "parts_total", "rows_loaded", "rows_rejected"}},
		fmt.Sprintf("/imports/%d/parts", imp.ID): {"label", []string{"rows_loaded", "rows_rejected"}},
		"/destinations":                          {"name", []string{"due"}},
		"/jobs":                                  {"id", []string{"attempt"}},
		"/events":                                {"id", []string{"job_count"}},
		"/flows":                                 {"name", []string{"version", "kept_events"}},
		"/syncs":                                 {"name", []string{"rejects"}},
		"/syncs/members/runs":                    {"id", []string{"read", "delivered", "rejected", "skipped"}},
		"/syncs/members/rejects":                 {"key", []string{"times"}},
		"/notifications":                         {"import_id", []string{"jobs", "delivered", "failed"}},
	} {
		var list struct{ Items []map[string]any }
		b.read(t, path, &list)
		require.NotEmpty(t, list.Items, path)
		rows := b.get(t, path).tableRows(t)
		for _, item := range list.Items {
			key := plain(item[of.key])
			row, ok := rowOf(rows, key)
			require.True(t, ok, "%s has no row of %s", path, key)
			for _, name := range of.numbers {
				require.Contains(t, row, plain(item[name]), "%s: %s of %s", path, name, key)
			}
		}
	}

	b.requireSyncFilters(t)
	var synced syncclient.Sync
	b.read(t, "/syncs/members", &synced)
	require.Equal(t, []int64{1235, 1234, 1}, []int64{synced.Run.Read, synced.Run.Delivered, synced.Rejects})
	require.Contains(t, b.get(t, "/syncs/members").text, "1,234 / 1,235 records delivered in the last run")

	// Pages of one: the numbers with what they count.
	for path, wants := range map[string][]string{
		fmt.Sprintf("/imports/%d", imp.ID): {
			"%{rows_loaded} rows loaded of %{rows_read} read", "%{parts_done} / %{parts_total} parts done",
			"%{rows_rejected} rejected rows", "%{rows_left_out} rows left out",
		},
		fmt.Sprintf("/imports/%d", big): {"%{parts_done} / %{parts_total} parts done", "All %{parts_total} parts"},
		"/destinations/webhook":         {"%{due} jobs are due"},
		"/schedules/nightly":            {"%{started} started %{skipped} skipped, %{missed} missed"},
		"/flows/paid":                   {"version %{version}, applied"},
		"/syncs/members":                {"%{rejects} records not delivered"},
	} {
		var item map[string]any
		b.read(t, path, &item)
		text := b.get(t, path).text
		for _, want := range wants {
			require.Contains(t, text, regexp.MustCompile(`%\{(\w+)\}`).ReplaceAllStringFunc(want, func(name string) string {
				return plain(item[strings.Trim(name, "%{}")])
			}), path)
		}
	}
}
