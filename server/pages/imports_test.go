package pages_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/history"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// upload sends a file with the form of a new import.
func (b *bundle) upload(t *testing.T, name, content string) page {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", name)
	require.NoError(t, err)
	_, err = file.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	return b.send(t, http.MethodPost, "/imports/new/upload?site="+site+"&source=csv", &body, form.FormDataContentType())
}

// visitors is an export with a row that cannot be loaded.
const visitors = "date,visitors,pageviews,bounces,visits,visit_duration\n" +
	"2026-01-01,7,9,1,8,60\n2026-01-02,11,12,2,12,80\n2026-01-03,5,6,1,5,40\n2026-01-04," + `"x<b>"` + ",1,0,1,1\n"

// A file becomes an import with nothing but the pages.
func TestFileBecomesAnImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.get(t, "/")
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Contains(t, p.text, "signed in by this machine")
	p = b.get(t, "/imports/new")
	require.Contains(t, p.text, site)
	p = b.get(t, "/imports/new?site="+site+"&source=csv")
	require.Contains(t, p.text, "Drop a file here")

	p = b.upload(t, "imported_visitors_20260101_20260104.csv", visitors)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Contains(t, p.text, "imported_visitors_20260101_20260104.csv")
	id := regexp.MustCompile(`name="upload" value="([^"]+)"`).FindStringSubmatch(p.html)
	require.Len(t, id, 2, p.html)

	form := url.Values{"site": {site}, "source": {"csv"}, "upload": {id[1]}, "label": {hostile}}
	p = b.post(t, "/imports/new/dry-run", form)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Contains(t, p.text, "The import would succeed")
	require.Contains(t, p.text, "line 5", "the row that cannot be loaded")
	require.Contains(t, p.text, "About 4 rows")
	require.Contains(t, p.html, `value="&lt;script&gt;`, "what was typed is kept")

	p = b.post(t, "/imports/new", form)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Regexp(t, `^/imports/\d+$`, p.path)
	var number int64
	_, err := fmt.Sscanf(p.path, "/imports/%d", &number)
	require.NoError(t, err)
	done := b.Wait(t, number)
	require.Equal(t, importstore.StatusCompleted, done.Import.Status, done.Import.Error)

	p = b.get(t, p.path)
	require.Contains(t, p.text, "completed")
	require.Contains(t, p.text, "3 rows loaded of 4 read")
	require.Contains(t, p.text, "1 of 1 part done")
	require.Contains(t, p.text, "1 rejected rows")
	require.Contains(t, p.html, "http://127.0.0.1:8233/namespaces/"+b.Namespace()+"/workflows/import/"+site)
	p = b.get(t, p.path+"/rejects")
	require.Contains(t, p.text, "1 rejected row")
	require.Contains(t, p.text, "imported_visitors_20260101_20260104.csv 5 visitors")
	rejects := p.path
	require.Contains(t, b.get(t, strings.TrimSuffix(rejects, "/rejects")).html, `<a href="`+rejects+`?part=0">1</a>`)
	b.requireFilters(t, map[string]int{
		rejects + "?text=VISITORS&column=visitors&part=0": 1, rejects + "?part=7": 0, rejects + "?column=bounces": 0,
		rejects + "?text=nowhere": 0,
	})
	require.Contains(t, b.get(t, rejects+"?part=0").html, `<option value="0" selected>`)
	require.Contains(t, b.get(t, rejects+"?part=7").html, `<option value="7" selected>part 7</option>`)
	require.Equal(t, http.StatusUnprocessableEntity, b.get(t, rejects+"?part=x").status)
	p = b.get(t, "/imports")
	require.Contains(t, p.text, hostile)

	table, err := schema.Lookup("imported_visitors")
	require.NoError(t, err)
	sum, err := b.Warehouse.VisibleSum(enginetest.Context(t), table, uint64(done.Import.SiteID), uint64(number), "visitors")
	require.NoError(t, err)
	require.EqualValues(t, 23, sum.Sum)

	// Undo.
	path := fmt.Sprintf("/imports/%d", number)
	require.Contains(t, b.get(t, path).text, "Undo this import")
	p = b.post(t, path+"/delete", nil)
	require.Equal(t, "/imports", p.path)
	require.NoError(t, b.Starter.WaitDeleted(enginetest.Context(t), number))
	sum, err = b.Warehouse.VisibleSum(enginetest.Context(t), table, uint64(done.Import.SiteID), uint64(number), "visitors")
	require.NoError(t, err)
	require.Zero(t, sum.Sum)
}

// A file that no import could read is refused with its faults, on the page of the form.
func TestFaultyFile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.upload(t, "holiday.csv", "hello")
	require.Equal(t, http.StatusUnprocessableEntity, p.status, p.text)
	require.Contains(t, p.text, "holiday.csv")
	require.Contains(t, p.text, "Drop a file here")
	p = b.post(t, "/imports/new/fetch?site="+site+"&source=csv", url.Values{"url": {"http://127.0.0.1:1/" + hostile}})
	require.GreaterOrEqual(t, p.status, 400)
	require.Contains(t, p.text, "Drop a file here")
	require.Contains(t, p.html, "&lt;script&gt;", "what was typed is kept")
	// Arguments of other importers keep their types.
	p = b.post(t, "/imports/new", url.Values{
		"site": {site}, "source": {"noop"}, "arg.rows": {"seven"}, "type.rows": {"integer"},
	})
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.text, "rows : want a value of the type integer")
	p = b.post(t, "/imports/new", url.Values{
		"site": {site}, "source": {"noop"}, "arg.rows": {"7"}, "type.rows": {"integer"}, "arg.wait": {hostile}, "type.wait": {"string"},
	})
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.text, "wait")
}

// A part that is parked is retried or skipped on the page of its import, and a review is decided there.
func TestDecisionsAboutAnImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	failing := func(times int) starter.Request {
		args, err := json.Marshal(map[string]any{"rows": 4, "parts": 2, "fail": "import_data", "permanent": false, "fail_times": times})
		require.NoError(t, err)
		settings := b.Starter.Defaults
		settings.Parallelism = 1
		return starter.Request{Site: site, Source: "noop", Args: args, By: "ann", Settings: &settings}
	}
	parked := b.Start(t, failing(1000))
	b.WaitParked(t, parked.ID)
	path := fmt.Sprintf("/imports/%d", parked.ID)
	p := b.get(t, path)
	require.Contains(t, p.text, "The retries of a part are exhausted")
	require.Contains(t, b.get(t, "/").text, "Needs a person parked")
	p = b.post(t, path+"/parts/0/skip", url.Values{"reason": {""}})
	require.Equal(t, http.StatusUnprocessableEntity, p.status, "a reason is required")
	p = b.post(t, path+"/parts/0/skip", url.Values{"reason": {hostile}})
	require.Equal(t, path, p.path)
	b.WaitFor(t, parked.ID, "the other part to be parked", func(s importstore.Summary) bool {
		return s.Import.Status == importstore.StatusParked && s.PartsDone == 1
	})
	p = b.post(t, path+"/cancel", url.Values{"reason": {"enough"}})
	require.Equal(t, path, p.path)
	require.Equal(t, importstore.StatusCancelled, b.Wait(t, parked.ID).Import.Status)
	p = b.get(t, path)
	require.Contains(t, p.text, "enough")
	require.Contains(t, p.text, hostile)
	p = b.get(t, "/imports/new?again="+fmt.Sprint(parked.ID))
	require.Contains(t, p.html, `<option value="no" selected>`, "the form begins with its settings")
	require.Contains(t, p.html, `<option selected>`+site)
	p = b.post(t, path+"/pause", nil)
	require.Equal(t, http.StatusConflict, p.status, "it has ended")
	require.Contains(t, p.html, "/imports/new?again=")
	require.Contains(t, p.text, "Its state has changed meanwhile")

	yes := true
	reviewed := b.Start(t, starter.Request{Site: site, Source: "noop", Args: json.RawMessage(`{"rows":6}`), By: "ann", Review: &yes})
	b.WaitFor(t, reviewed.ID, "the review", func(s importstore.Summary) bool {
		return s.Import.Status == importstore.StatusInReview
	})
	path = fmt.Sprintf("/imports/%d", reviewed.ID)
	require.Contains(t, b.get(t, path).text, "It waits for a decision")
	require.Contains(t, b.get(t, "/reviews").html, path+"/review")
	p = b.get(t, path+"/review")
	require.Contains(t, p.text, "imported_visitors 6 rows")
	require.Contains(t, p.html, "<svg")
	var preview struct {
		Items []struct {
			Sums map[string]string `json:"sums"`
		} `json:"items"`
	}
	require.NoError(t, json.Unmarshal([]byte(b.api(t, path+"/preview")), &preview))
	var compared history.Comparison
	require.NoError(t, json.Unmarshal([]byte(b.api(t, path+"/comparison")), &compared))
	sum := uint64(0)
	for _, d := range compared.Days {
		require.Nil(t, d.Present, "the rows of the import itself are not visible")
		sum += d.Staged.Visitors
		require.Contains(t, p.text, fmt.Sprintf("%s %d %d", d.Day, d.Staged.Visitors, d.Staged.Pageviews))
	}
	require.Equal(t, preview.Items[0].Sums["visitors"], fmt.Sprint(sum))
	p = b.post(t, path+"/decision", url.Values{"verdict": {"accepted"}})
	require.Equal(t, path, p.path)
	require.Equal(t, importstore.StatusCompleted, b.Wait(t, reviewed.ID).Import.Status)
	p = b.post(t, path+"/decision", url.Values{"verdict": {"declined"}, "reason": {"late"}})
	require.Equal(t, http.StatusConflict, p.status)
}

// The list has the numbers of the API, filters by the URL and pages.
func TestListOfImports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 52 {
		b.Wait(t, b.Start(t, starter.Request{Site: site, Source: "noop", Args: json.RawMessage(`{"unchanged":true}`), By: "ann"}).ID)
	}
	p := b.get(t, "/imports?status=unchanged&by=ann")
	require.Equal(t, 50, strings.Count(p.html, `data-name="Status"`))
	older := regexp.MustCompile(`href="(/imports\?[^"]*after=[^"]+)"`).FindStringSubmatch(p.html)
	require.Len(t, older, 2, p.html)
	p = b.get(t, strings.ReplaceAll(older[1], "&amp;", "&"))
	require.Equal(t, 2, strings.Count(p.html, `data-name="Status"`))
	p = b.get(t, "/imports?status=failed")
	require.Contains(t, p.text, "No import matches these filters.")
	p = b.get(t, "/imports?status="+url.QueryEscape(hostile))
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	var listed struct {
		Items []struct {
			ID int64 `json:"id"`
		} `json:"items"`
	}
	require.NoError(t, json.Unmarshal([]byte(b.api(t, "/imports?limit=1")), &listed))
	require.Contains(t, b.get(t, "/imports").html, fmt.Sprintf(`<a href="/imports/%d">`, listed.Items[0].ID))
}
