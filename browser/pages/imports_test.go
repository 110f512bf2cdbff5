package pages_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/browser/sluicetest"
	"github.com/sluicehq/sluice/internal/polltest"
)

// header is that of an export of visitors.
const header = "date,visitors,pageviews,bounces,visits,visit_duration"

// export writes an export of ten days, and with a row that cannot be loaded, and returns its path. The visitors of a day
// are in the format of fmt.
func export(t *testing.T, visitors string) string {
	t.Helper()
	var out strings.Builder
	out.WriteString(header + "\n")
	for day := 1; day <= 10; day++ {
		fmt.Fprintf(&out, "2026-01-%02d,"+visitors+",%d,1,%d,60\n", day, 1000+day, 2000+day, 1200+day)
	}
	out.WriteString("2026-01-05,many,1,0,1,1\n")
	file := filepath.Join(t.TempDir(), "imported_visitors_20260101_20260110.csv")
	require.NoError(t, os.WriteFile(file, []byte(out.String()), 0o600))
	return file
}

// exported are the figures of the days of an export, as charts have them, and exportedSum is their sum.
var exported = func() (all []string) {
	for day := 1; day <= 10; day++ {
		all = append(all, fmt.Sprintf("1,%03d", day))
	}
	return all
}()

const exportedSum = 10055

// upload chooses the file of an import and uploads it.
func (r *reader) upload(file string) {
	r.t.Helper()
	r.Run(chromedp.SetUploadFiles(chromedp.CSS(`input[type="file"]`), []string{file}))
	r.click("Upload")
	r.awaitText(filepath.Base(file))
}

// chooseExport is on the page of a new import, up to the uploaded file.
func (r *reader) chooseExport(site, file string) {
	r.t.Helper()
	r.visit("/")
	r.open("Imports")
	r.click("New import")
	r.choose("Site", site)
	r.choose("Source", "CSV export")
	r.click("Continue")
	r.upload(file)
}

// importFile imports an export by the pages alone, up to the page of the import.
func (r *reader) importFile(site, file, review string) {
	r.t.Helper()
	r.chooseExport(site, file)
	r.choose("Review", review)
	r.click("Dry run")
	r.awaitText("The import would succeed")
	r.awaitText("line 12")
	r.click("Start import")
	r.awaitText("Log")
}

// What people choose about the review of an import.
const (
	atOnce   = "rows become visible at once"
	reviewed = "rows become visible once a reviewer has accepted them"
)

// importedVisitors returns the visitors of the visible imports of a site.
func importedVisitors(t require.TestingT, sluice *sluicetest.System, site string) uint64 {
	var rows []struct {
		Visitors uint64 `ch:"visitors"`
	}
	require.NoError(t, sluice.Select(&rows,
		"SELECT sum(visitors) AS visitors FROM history_visitors WHERE domain = ? AND origin = 'imported'", site))
	require.Len(t, rows, 1)
	return rows[0].Visitors
}

// history is what the API answers about the days of a site.
type history struct {
	Total  uint64
	Points []struct{ Value uint64 }
}

// requireChart opens the page of a site by its links, and compares its chart with the export and with the API.
func (r *reader) requireChart(s *suite, site string) {
	r.t.Helper()
	r.openSite(site)
	r.awaitText("10,055 visitors from 2026-01-01 to 2026-01-10")
	r.plotted(exported...)
	h := get[history](r.t, s, "/sites/"+site+"/history")
	require.EqualValues(r.t, exportedSum, h.Total)
	require.Len(r.t, h.Points, 10)
}

// A file becomes a chart, and is undone; another one is accepted by a reviewer. Both widths do the same.
func TestImports(t *testing.T) {
	s := setup(t)
	file := export(t, "%d")
	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		site, r := s.site(t), s.administrator(t, width)
		r.importFile(site, file, atOnce)
		r.awaitText("completed")
		r.awaitText("10 rows loaded of 11 read")
		require.EqualValues(t, exportedSum, importedVisitors(t, s.System, site))
		imported := r.path()
		r.click("rejected rows")
		r.awaitText("12 visitors not a whole number")
		r.requireChart(s, site)
		r.visit(imported)
		r.click("Undo this import")
		r.click("Undo this import")
		require.Equal(t, "/imports", r.path())
		polltest.Until(t, func(c *polltest.Check) { require.Zero(c, importedVisitors(c, s.System, site)) }, wait, poll)

		r.importFile(site, file, reviewed)
		r.awaitText("It waits for a decision")
		require.Zero(t, importedVisitors(t, s.System, site), "rows in review are invisible")
		waiting := strings.TrimPrefix(r.path(), "/imports/")
		r.open("Reviews")
		r.click(waiting)
		r.awaitText("Visitors beside those of the site")
		r.click("Accept")
		r.awaitText("completed")
		require.EqualValues(t, exportedSum, importedVisitors(t, s.System, site))
		r.requireNoFaults()
	})
}

// importStatus is the status of an import by the API.
func importStatus(t require.TestingT, s *suite, path string) string {
	return get[struct{ Status string }](t, s, path).Status
}

// An import has failed: the overview leads to the reason, and the corrected file is imported like it.
func TestFailedImport(t *testing.T) {
	s := setup(t)
	wrong, right := export(t, "about %d"), export(t, "%d")
	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		site, r := s.site(t), s.administrator(t, width)
		r.chooseExport(site, wrong)
		r.choose("Label", "History of "+site)
		r.choose("Review", atOnce)
		r.click("Dry run")
		r.awaitText("The import would fail")
		r.click("Start import")
		r.awaitText("failed")
		failed := r.path()

		r.open("Overview")
		r.awaitText("History of " + site)
		r.clickNear("Import "+strings.TrimPrefix(failed, "/imports/"), site)
		require.Equal(t, failed, r.path())
		r.awaitText("no row of 11 can be loaded: all are rejected; for instance line 2")
		r.click("rejected rows")
		r.awaitText("visitors not a whole number")
		r.awaitText("about 1001")
		r.visit(failed)
		require.Equal(t, "failed", importStatus(t, s, failed))
		require.Zero(t, importedVisitors(t, s.System, site))
		r.shoot("failed-import")

		r.click("Import again")
		r.upload(right)
		require.Equal(t, "History of "+site, browsertest.Evaluate[string](r.Tab, `document.querySelector("[name=label]").value`))
		r.click("Start import")
		r.awaitText("completed")
		r.shoot("import-again")
		require.Equal(t, "completed", importStatus(t, s, r.path()))
		require.EqualValues(t, exportedSum, importedVisitors(t, s.System, site))
		r.requireChart(s, site)
		r.shoot("chart")
		r.requireNoFaults(http.StatusUnprocessableEntity)
	})
}
