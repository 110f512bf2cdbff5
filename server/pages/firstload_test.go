package pages_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxFirstLoad is the size of a page with its files after gzip, in bytes.
const maxFirstLoad = 200_000

// A page with everything that it loads is small. The heaviest one is that of a live import with many parts.
func TestFirstLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.planned(t, 1000)
	b.post(t, "/destinations/webhook/pause", nil)
	b.sendToWebhook(t, "1")
	b.post(t, "/flows/edit/apply", map[string][]string{"flows": {pageFlow}})
	sizes := map[string]int{}
	for _, path := range []string{
		fmt.Sprintf("/imports/%d", id), fmt.Sprintf("/imports/%d/parts", id), "/", "/imports", "/imports/new?site=" + site +
			"&source=csv", "/reviews", "/schedules", "/new/schedule?site=" + site + "&source=google_analytics_4", "/sites",
		"/sites/" + site, "/sites/" + site + "/settings", "/sites/" + site + "/shields", "/ingestion", "/ingestion/try",
		"/destinations", "/destinations/webhook", "/jobs", "/events", "/events/new", "/events/purge", "/flows", "/flows/paid",
		"/flows/edit", "/syncs", "/new/sync", "/connections", "/new/connection?kind=webhook", "/notifications", "/locks",
		"/tokens", "/accounts", "/audit", "/account",
	} {
		p := b.get(t, path)
		require.Equal(t, http.StatusOK, p.status, path)
		size, scripts := packed(t, p.html), 0
		for _, file := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(p.html, -1) {
			found := b.get(t, file[1])
			require.Equal(t, http.StatusOK, found.status, file[1])
			if strings.HasSuffix(file[1], ".js") {
				scripts++
			}
			if sizes[file[1]] == 0 {
				sizes[file[1]] = packed(t, found.html)
			}
			size += sizes[file[1]]
		}
		require.Equal(t, builtAssets, scripts > 1, "the scripts of the build tag assets")
		require.Less(t, size, maxFirstLoad, path)
		t.Logf("%6d bytes with its files, %6d of them the page: %s", size, packed(t, p.html), path)
	}
}
