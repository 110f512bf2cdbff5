package warehouse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The counters of a site are read by its domains, whatever their characters: none ends the text of another.
func TestSiteTraffic(t *testing.T) { eachProtocol(t, testSiteTraffic) }

func testSiteTraffic(t *testing.T, b *bundle) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Minute)
	domains := []string{"example.com", `it's "quoted"`, `back\slash`, `both\'`, `tab\t`, "line\nbreak", `'] OR 1 = 1 --`, `\`, "ä,b"}
	for i, domain := range append([]string{"other.com", "it", `'`}, domains...) {
		require.NoError(t, b.sql.Exec(b.ctx, `INSERT INTO ingest_counters (site_id, domain, event_timebucket, metric, value)
			VALUES (1, ?, ?, 'buffered', ?)`, domain, now.Add(-time.Minute), uint64(1)<<i))
	}
	traffic := func(domains ...string) uint64 {
		found, err := b.SiteTraffic(b.ctx, 1, domains, now)
		require.NoError(t, err)
		return found.Buffered
	}
	for i, domain := range domains {
		require.Equal(t, uint64(1)<<(i+3), traffic(domain), domain)
	}
	require.Equal(t, uint64(1)<<(len(domains)+3)-1-7, traffic(domains...))
	require.Zero(t, traffic("unknown.com", `unknown\`))
}
