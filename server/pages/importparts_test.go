package pages_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// planned adds an import that loads and has parts of ten tables in all statuses, two of them parked.
func (b *bundle) planned(t *testing.T, parts int) int64 {
	t.Helper()
	ctx := enginetest.Context(t)
	found, err := b.Store.Imports.Site(ctx, site)
	require.NoError(t, err)
	imp, _, err := b.Store.Imports.CreateImport(ctx, importstore.NewImport{ImportFields: importstore.ImportFields{
		SiteID: found.ID, Source: "csv", Label: hostile, Args: []byte("{}"), RequestedBy: "ann",
		OnPartFailure: importstore.OnPartFailurePark, MaxRejects: 10, MaxRejectShare: 0.5, ChunkRows: 1000,
		ChunkBytes: 1 << 20, Parallelism: 2, ReviewReminderS: 60, ReviewExpiryS: 3600,
	}})
	require.NoError(t, err)
	first, err := calendar.ParseDay("2021-01-01")
	require.NoError(t, err)
	list := make([]importstore.NewPart, parts)
	for i := range list {
		day := first + calendar.Day(i/10)
		days := calendar.NewSet(calendar.Range{First: day, Last: day})
		list[i] = importstore.NewPart{
			Table: []string{
				"imported_visitors", "imported_pages", "imported_sources", "imported_devices", "imported_browsers",
				"imported_locations", "imported_entry_pages", "imported_exit_pages", "imported_operating_systems",
				"imported_custom_events",
			}[i%10],
			Label: fmt.Sprintf("imported_%04d.csv", i), Bytes: 1000, Days: days, Free: days,
		}
	}
	source := calendar.Range{First: first, Last: first + calendar.Day(parts/10)}
	require.NoError(t, b.Store.Imports.SavePlan(ctx, imp.ID, source, list))
	sql := enginetest.ConnectStore(t, b.Settings.Store.DSN)
	for _, statement := range []string{
		`UPDATE imports SET status = 'running', phase = 'loading', started_at = now() - interval '1 minute' WHERE id = $1`,
		`UPDATE parts SET status = 'done', rows_read = 1234, rows_loaded = 1234, bytes_read = 1000, started_at = now(),
			finished_at = now() WHERE import_id = $1 AND no % 2 = 0`,
		`UPDATE parts SET status = 'running', rows_read = 7, started_at = now() WHERE import_id = $1 AND no % 100 = 1`,
		`UPDATE parts SET status = 'parked', error = 'the file is damaged' WHERE import_id = $1 AND no IN (3, 905)`,
	} {
		_, err := sql.Exec(ctx, statement, imp.ID)
		require.NoError(t, err, statement)
	}
	return imp.ID
}

// packed is the size of a text after gzip, in bytes.
func packed(t *testing.T, text string) int {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Len()
}

// A live import with 1,000 parts has a small page: those that want a person come first, and the others have a page of
// their own.
func TestManyParts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.planned(t, 1000)
	path := fmt.Sprintf("/imports/%d", id)
	begun := time.Now()
	p := b.get(t, path)
	took := time.Since(begun)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Contains(t, p.text, "parked 2 running 10 waiting 488 done 500")
	rows := regexp.MustCompile(`(?s)<tr>\s*<td>imported_(\d+)\.csv`).FindAllStringSubmatch(p.html, -1)
	require.Len(t, rows, 100)
	require.Equal(t, []string{"0003", "0905"}, []string{rows[0][1], rows[1][1]}, "parked parts come first")
	require.Contains(t, p.text, "All 1,000 parts")
	require.LessOrEqual(t, strings.Count(p.html, "<rect"), 1000+10)
	require.Less(t, packed(t, p.html), 60_000, "compressed")
	t.Logf("page of 1,000 parts: %d bytes, %d compressed, %s", len(p.html), packed(t, p.html), took)

	// The page of the parts has all, once.
	seen := map[string]bool{}
	for next := path + "/parts"; next != ""; {
		p = b.get(t, next)
		require.Equal(t, http.StatusOK, p.status, p.text)
		for _, row := range regexp.MustCompile(`(?s)<tr>\s*<td>imported_(\d+)\.csv`).FindAllStringSubmatch(p.html, -1) {
			require.False(t, seen[row[1]], row[1])
			seen[row[1]] = true
		}
		more := regexp.MustCompile(`<a class="button" href="([^"]+after=[^"]+)">More`).FindStringSubmatch(p.html)
		if next = ""; len(more) == 2 {
			next = strings.ReplaceAll(more[1], "&amp;", "&")
		}
	}
	require.Len(t, seen, 1000)
	p = b.get(t, path+"/parts?status=parked")
	require.Contains(t, p.text, "the file is damaged")
	require.Len(t, regexp.MustCompile(`imported_\d+\.csv`).FindAllString(p.text, -1), 2)
	require.Contains(t, p.html, path+"/parts/905/retry")
	require.Len(t, b.get(t, "/export"+path+"/parts?status=running").rows(t), 11)
	require.Equal(t, http.StatusUnprocessableEntity, b.get(t, path+"/parts?status="+url.QueryEscape(hostile)).status)

	// Of many more parts no page reads all.
	id = b.planned(t, 2001)
	p = b.get(t, fmt.Sprintf("/imports/%d", id))
	require.Contains(t, p.text, "A timeline is drawn of up to 2,000 parts")
	require.Contains(t, p.text, "All 2,001 parts")
}
