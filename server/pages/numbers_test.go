package pages_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
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
	at := slices.IndexFunc(rows, func(row []string) bool {
		return strings.Contains(" "+strings.Join(row, " ")+" ", " "+text+" ")
	})
	if at < 0 {
		return nil, false
	}
	return rows[at], true
}

// Pages have the numbers of the API.
func TestPagesHaveTheNumbersOfTheAPI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp, err := b.Starter.CreateImport(enginetest.Context(t), starter.Request{
		Site: site, Source: "noop", Args: []byte(`{"rows": 1234, "parts": 3}`),
	})
	require.NoError(t, err)
	b.Wait(t, imp.ID)
	big := b.planned(t, 1000)
	b.post(t, "/destinations/webhook/pause", url.Values{})
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
