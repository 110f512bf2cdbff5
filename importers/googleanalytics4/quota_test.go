package googleanalytics4

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/internal/fakega4"
)

func TestResets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ now, hour, day string }{
		"winter":           {"2024-01-10T15:59:59Z", "2024-01-10T16:00:00Z", "2024-01-11T08:00:00Z"},
		"summer":           {"2024-07-10T15:00:00Z", "2024-07-10T16:00:00Z", "2024-07-11T07:00:00Z"},
		"late in the west": {"2024-07-10T06:30:00Z", "2024-07-10T07:00:00Z", "2024-07-10T07:00:00Z"},
		"clocks go back":   {"2024-11-03T07:30:00Z", "2024-11-03T08:00:00Z", "2024-11-04T08:00:00Z"},
		"clocks go forth":  {"2024-03-10T08:30:00Z", "2024-03-10T09:00:00Z", "2024-03-11T07:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, tc.now)
		require.NoError(t, err)
		require.Equal(t, tc.hour, nextHour(now).UTC().Format(time.RFC3339), name)
		require.Equal(t, tc.day, nextDay(now).UTC().Format(time.RFC3339), name)
	}
}

// After a response that reports an exhausted quota, no further request is sent: the import
// waits for the reset of the quota, and resumes at its cursor.
func TestWaitForQuota(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 20, RowsPerDay: 4, Quotas: fakega4.Quotas{TokensPerHour: 12}}, 5)
	b.imp.Chunk.Rows = 5
	part := b.part(t, "imported_pages")
	reader, err := b.ImportData(t.Context(), b.imp, part, "")
	require.NoError(t, err)
	copies, err := importertest.ReadPart(t.Context(), b.Importer, b.imp, part, "")
	require.Empty(t, copies, "the suite's helper gives up what it has")
	require.Equal(t, outcome{until: at(11, 0, 30)}, outcomeOf(err))
	require.ErrorContains(t, err, "google's quota of tokens of the property per hour is exhausted: the import continues after 2024-03-02 11:00 UTC")
	asked := b.fake.Requests("runReport")

	require.Equal(t, outcome{until: at(11, 0, 30)}, outcomeOf(reader.Next(t.Context(), newChunk(part))))
	require.NoError(t, reader.Close())
	require.Equal(t, asked, b.fake.Requests("runReport"), "known to be exhausted: no request")
	require.Len(t, b.warned("less than 10 % of Google's quota of tokens of the property per hour is left"), 1)

	b.clock.Set(at(11, 0, 30))
	reader, err = b.ImportData(t.Context(), b.imp, part, "")
	require.NoError(t, err)
	chunk := newChunk(part)
	require.NoError(t, reader.Next(t.Context(), chunk))
	require.NoError(t, reader.Close())
	require.Equal(t, 5, chunk.Rows.Rows())
}

// A quota exhausted by other clients is detected by the error.
func TestQuotaUsedUpByOthers(t *testing.T) {
	t.Parallel()
	for quota, until := range map[string]time.Time{
		"tokensPerHour": at(11, 0, 30), "tokensPerProjectPerHour": at(11, 0, 30), "serverErrorsPerProjectPerHour": at(11, 0, 30),
		"tokensPerDay": time.Date(2024, time.March, 3, 8, 0, 30, 0, time.UTC),
	} {
		t.Run(quota, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{}, 0)
			require.True(t, b.fake.Exhaust(quota))
			require.Equal(t, outcome{until: until}, outcomeOf(importertest.BeforeStart(t.Context(), b, b.imp)))
			b.clock.Set(until)
			require.NoError(t, importertest.BeforeStart(t.Context(), b, b.imp))
		})
	}
}

func TestQuotaWarnings(t *testing.T) {
	t.Parallel()
	var book quotaBook
	now := at(10, 0, 0)
	tell := func(hour, day int64) []string {
		return book.note("a", &propertyQuota{TokensPerHour: &quotaStatus{hour}, TokensPerDay: &quotaStatus{day}}, now)
	}
	require.Empty(t, book.note("a", nil, now))
	require.Empty(t, tell(4000, 20_000))
	require.Len(t, tell(3999, 20_000), 1)
	require.Empty(t, tell(3998, 20_000), "told")
	require.Len(t, tell(3998, 19_999), 1)
	now = at(11, 0, 0)
	require.Len(t, tell(100, 19_000), 1, "a new hour, the same day")
	require.Empty(t, book.note("b", &propertyQuota{TokensPerHour: &quotaStatus{390_000}}, now), "of Analytics 360")
	require.Len(t, book.note("b", &propertyQuota{TokensPerHour: &quotaStatus{39_000}}, now), 1)
	require.NoError(t, book.check("a", now, nil))
	require.NoError(t, book.check("c", now, nil))
}

// However many parts are read, no more requests run at once than the API allows, nor than
// the import's arguments do.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args string
		most int
	}{"the API's": {"", MaxConcurrentRequests}, "the import's": {`, "parallelism": 3`, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{Days: 70, RowsPerDay: 4}, 50)
			b.imp.Args = append(b.imp.Args[:len(b.imp.Args)-1:len(b.imp.Args)-1], tc.args+"}"...)
			parts := b.plan(t).Parts
			crowd := &crowd{wanted: tc.most, there: make(chan struct{})}
			cfg := b.cfg
			cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, ":runReport") {
					defer crowd.enter()()
				}
				return b.cfg.Transport.RoundTrip(r)
			})
			g := New(cfg)
			errs := make([]error, len(parts))
			var group sync.WaitGroup
			for i, part := range parts {
				group.Go(func() { _, errs[i] = importertest.ReadPart(t.Context(), g, b.imp, part, "") })
			}
			group.Wait()
			for _, err := range errs {
				require.NoError(t, err)
			}
			require.Equal(t, tc.most, crowd.most)
			require.LessOrEqual(t, b.fake.MaxConcurrent(), tc.most)
			require.Empty(t, g.limiter.gates, "no gate is left")
		})
	}
}

// crowd holds requests back until as many as are wanted are there at once, and counts them.
type crowd struct {
	mu                sync.Mutex
	now, most, wanted int
	there             chan struct{}
}

func (c *crowd) enter() (leave func()) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	if c.now == c.wanted && c.most == c.wanted {
		select {
		case <-c.there:
		default:
			close(c.there)
		}
	}
	c.mu.Unlock()
	<-c.there
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
	}
}
