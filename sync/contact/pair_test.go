package contact_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/contact"
	"github.com/sluicehq/sluice/sync/mailchimp"
	"github.com/sluicehq/sluice/sync/ometria"
	"github.com/sluicehq/sluice/sync/synctest"
)

// free are budgets without limits, which count.
type free struct {
	synctest.Budgets

	mu     stdsync.Mutex
	delays int
}

func (f *free) Delay(context.Context, string, time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delays++
	return nil
}

// pair is a list of a fake Mailchimp and a fake Ometria.
type pair struct {
	mailchimp *fakemailchimp.Server
	ometria   *fakeometria.Server
	reader    sync.Reader
	writer    sync.Writer
	mapping   *sync.Mapping
	budgets   *free
}

func setup(t *testing.T, queue int) *pair {
	t.Helper()
	p := &pair{
		mailchimp: fakemailchimp.New(fakemailchimp.Config{}), ometria: fakeometria.New(fakeometria.Config{Rate: -1, Queue: queue}),
		budgets: &free{},
	}
	from, to := httptest.NewServer(p.mailchimp), httptest.NewServer(p.ometria)
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	open := func(kind connections.Kind, url, key string) connections.Connection {
		settings, err := kind.ParseSettings([]byte(fmt.Sprintf(`{"endpoint":%q}`, url)))
		require.NoError(t, err)
		c := connections.Connection{Name: "c", Kind: kind.Name(), Settings: settings, Secrets: map[string]string{"api_key": key}}
		report, err := kind.Test(t.Context(), c)
		require.NoError(t, err)
		require.NotEmpty(t, report.Lines)
		return c
	}
	source, target := mailchimp.Kind{Guard: outbound.Loopback()}, ometria.Kind{Guard: outbound.Loopback()}
	var err error
	p.reader, err = source.OpenReader(open(source, from.URL+"/3.0", fakemailchimp.Key), sync.SourceOptions{Items: 100}, p.budgets)
	require.NoError(t, err)
	p.writer, err = target.OpenWriter(open(target, to.URL+"/v2", fakeometria.Key), sync.TargetOptions{Items: 100}, p.budgets)
	require.NoError(t, err)
	p.mapping, err = contact.New(nil, contact.Options{ListID: fakemailchimp.List})
	require.NoError(t, err)
	return p
}

func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// run runs a window and returns its counts, rejects and delivered records.
func (p *pair) run(t *testing.T, since, now time.Time) (sync.Counts, []sync.Reject, sync.Known) {
	t.Helper()
	var counts sync.Counts
	var rejects []sync.Reject
	delivered := sync.Known{}
	r := sync.Run{
		Reader: p.reader, Writer: p.writer, Mapping: p.mapping, List: fakemailchimp.List,
		Window: p.reader.Window(since, now), Wait: noWait,
		Checkpoint: func(_ context.Context, pages []sync.Checkpoint) error {
			for _, c := range pages {
				counts, rejects = counts.Add(c.Counts), append(rejects, c.Rejects...)
				delivered.Merge(c.Delivered)
			}
			return nil
		},
	}
	done, err := r.Do(t.Context())
	require.NoError(t, err)
	require.True(t, done)
	return counts, rejects, delivered
}

var start = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func email(i int) string { return fmt.Sprintf("member-%d@example.com", i) }

// fill adds members that changed at the same second.
func (p *pair) fill(from, to int, at time.Time) {
	for i := from; i < to; i++ {
		p.mailchimp.Put(fakemailchimp.Member{
			Email: email(i), LastChanged: at, OptedIn: at,
			MergeFields: map[string]any{"FNAME": fmt.Sprint("First ", i), "LNAME": ""},
		})
	}
}

// A full load, in which each faulty record is rejected alone, and an update with 5,000 members of one second.
func TestPair(t *testing.T) {
	t.Parallel()
	p := setup(t, -1)
	p.fill(0, 950, start)
	p.mailchimp.Put(
		fakemailchimp.Member{Email: email(9000), LastChanged: start, MergeFields: map[string]any{"FNAME": strings.Repeat("x", 61_000)}},
		fakemailchimp.Member{Email: email(9001), LastChanged: start, MergeFields: map[string]any{"FNAME": "\u202e\x00\U0001F600", "LNAME": nil}},
		fakemailchimp.Member{Email: email(9002), LastChanged: start},
		fakemailchimp.Member{Email: email(9003), LastChanged: start, Status: "pending"},
	)
	counts, rejects, delivered := p.run(t, time.Time{}, start.Add(time.Hour))
	require.Len(t, rejects, 1)
	require.Equal(t, fakemailchimp.Member{Email: email(9000)}.ID(), rejects[0].Key)
	require.Contains(t, rejects[0].Reason, "want at most 60000")
	require.EqualValues(t, 1, counts.Rejected)
	require.Equal(t, 953, len(delivered))           //nolint:testifylint // Len prints all records
	require.Equal(t, 953, len(p.ometria.Records())) //nolint:testifylint // Len prints all records

	p.fill(0, 5000, start.Add(2*time.Hour))
	counts, _, _ = p.run(t, start.Add(time.Hour), start.Add(3*time.Hour))
	require.EqualValues(t, 5000, counts.Delivered)
	require.Equal(t, 5003, len(p.ometria.Records())) //nolint:testifylint // Len prints all records
	for _, r := range p.ometria.Records() {
		if r["firstname"] == "First 7" {
			require.Equal(t, "EXPLICITLY_OPTEDIN", r["marketing_optin"])
			require.Equal(t, "2026-01-02T14:00:00+00:00", r["timestamp_subscribed"])
			require.Equal(t, "mailchimp:"+fakemailchimp.List, r["@collection"])
		}
	}
}

// A full queue delays the requests of the account, and loses nothing.
func TestPairQueue(t *testing.T) {
	t.Parallel()
	p := setup(t, 450)
	p.fill(0, 400, start)
	counts, _, _ := p.run(t, time.Time{}, start.Add(time.Hour))
	require.EqualValues(t, 400, counts.Delivered)
	require.Positive(t, p.budgets.delays)
}

// scan scans the list and replaces what was known before.
func (p *pair) scan(t *testing.T, kept *synctest.Kept, now time.Time) sync.ScanResult {
	t.Helper()
	scanner, ok := p.reader.(sync.Scanner)
	require.True(t, ok)
	s := sync.Scan{
		Scanner: scanner, Writer: p.writer, Mapping: p.mapping, List: fakemailchimp.List, Known: kept.Each, Keep: kept.Keep,
		Now: func() time.Time { return now }, Wait: noWait,
	}
	result, err := s.Do(t.Context())
	require.NoError(t, err)
	kept.Save(result)
	return result
}

// A deleted member is opted out after the second scan that misses it; many at once are not.
func TestPairDeletions(t *testing.T) {
	t.Parallel()
	p := setup(t, -1)
	p.fill(0, 300, start)
	_, _, delivered := p.run(t, time.Time{}, start.Add(time.Hour))
	for i := range 10 {
		p.mailchimp.Delete(email(i))
	}
	kept := &synctest.Kept{Later: delivered}
	first := p.scan(t, kept, start.Add(2*time.Hour))
	require.Equal(t, []int{290, 10, 0}, []int{first.Found, first.MissingCount, first.Deleted})
	// One is back, as an archived member would be.
	p.fill(0, 1, start.Add(2*time.Hour))
	second := p.scan(t, kept, start.Add(3*time.Hour))
	require.Equal(t, []int{291, 9, 9}, []int{second.Found, second.MissingCount, second.Deleted})
	require.Empty(t, kept.Missing)
	require.Len(t, kept.Known, 291)
	out := 0
	for _, r := range p.ometria.Records() {
		if r["marketing_optin"] == "EXPLICITLY_OPTEDOUT" {
			out++
			require.Equal(t, "2026-01-02T15:00:00+00:00", r["timestamp_unsubscribed"])
			require.NotEmpty(t, r["email"], "fields that are not sent stay")
		}
	}
	require.Equal(t, 9, out)
	for i := range 100 {
		p.mailchimp.Delete(email(i + 50))
	}
	third := p.scan(t, kept, start.Add(4*time.Hour))
	require.True(t, third.Exceeded)
	require.Len(t, kept.Known, 291)
	require.Zero(t, third.Deleted)
}

// Rejected records are read again by their keys.
func TestPairRetry(t *testing.T) {
	t.Parallel()
	p := setup(t, -1)
	p.fill(0, 3, start)
	p.mailchimp.Put(fakemailchimp.Member{Email: email(4), LastChanged: start, MergeFields: map[string]any{"FNAME": strings.Repeat("x", 61_000)}})
	fetcher, ok := p.reader.(sync.Fetcher)
	require.True(t, ok)
	retry := sync.Retry{Fetcher: fetcher, Writer: p.writer, Mapping: p.mapping, List: fakemailchimp.List, Wait: noWait}
	var keys []string
	for _, i := range []int{0, 2, 4, 5} {
		keys = append(keys, fakemailchimp.Member{Email: email(i)}.ID())
	}
	result, err := retry.Do(t.Context(), keys)
	require.NoError(t, err)
	require.Equal(t, keys[:2], result.Delivered)
	require.Equal(t, keys[3:], result.Gone)
	require.Len(t, result.Rejects, 1)
	require.Equal(t, keys[2], result.Rejects[0].Key)
}
