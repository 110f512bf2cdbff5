package cli

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakefault"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/worker"
)

// seenSync is a sync as a program sees it, with the names that are promised.
type seenSync struct {
	Name           string         `json:"name"`
	From           string         `json:"from"`
	List           string         `json:"list_id"`
	To             string         `json:"to"`
	EverySeconds   int64          `json:"every_seconds"`
	Settings       map[string]any `json:"settings"`
	Latest         *time.Time     `json:"latest_timestamp"`
	ElapsedSeconds *float64       `json:"elapsed_seconds"`
	TotalUpdates   *int64         `json:"total_updates"`
	Version        int64          `json:"version"`
	Paused         bool           `json:"paused"`
	Note           string         `json:"note"`
	State          string         `json:"state"`
	CurrentTo      *time.Time     `json:"current_to"`
	SucceededAt    *time.Time     `json:"succeeded_at"`
	WokenAt        *time.Time     `json:"woken_at"`
	NextRunAt      *time.Time     `json:"next_run_at"`
	AlarmedAt      *time.Time     `json:"alarmed_at"`
	Rejects        int64          `json:"rejects"`
	CreatedBy      string         `json:"created_by"`
	CreatedAt      time.Time      `json:"created_at"`
	Scan           map[string]any `json:"scan"`
	Run            map[string]any `json:"run"`
	Watch          string         `json:"watch"`
	Counts         map[string]any `json:"counts"`
	Held           int64          `json:"held_opted_out"`
	Late           []any          `json:"late_errors"`
}

// syncFakes are the systems of a sync.
type syncFakes struct {
	mailchimp *fakemailchimp.Server
	ometria   *fakeometria.Server
}

// syncShell returns a shell with connections to fakes, and a worker.
func syncShell(t *testing.T) (*enginetest.System, shell, syncFakes) {
	t.Helper()
	fakes := syncFakes{
		mailchimp: fakemailchimp.New(fakemailchimp.Config{}), ometria: fakeometria.New(fakeometria.Config{}),
	}
	from, to := httptest.NewServer(fakes.mailchimp), httptest.NewServer(fakes.ometria)
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	system, s := systemWithoutWorker(t)
	s, _ = withKinds(t, s)
	s.kinds = nil
	const addresses = "mailchimp=loopback, ometria=loopback"
	s.environ = append(s.environ, "MC="+fakemailchimp.Key, "OM="+fakeometria.Key, "SLUICE_CONNECTIONS_ADDRESSES="+addresses)
	s.ok(t, "connection", "add", "mc", "--kind", "mailchimp", "--set", "endpoint="+from.URL+"/3.0", "--secret", "api_key=env:MC")
	s.ok(t, "connection", "add", "om", "--kind", "ometria", "--set", "endpoint="+to.URL+"/v2",
		"--set", "validation_seconds:=0.01", "--secret", "api_key=env:OM")
	system.Tune = func(cfg *worker.Config) {
		cfg.Settings.Connections.Addresses = addresses
		cfg.Settings.Connections.KeysetFile, _ = s.variable("SLUICE_CONNECTIONS_KEYSET_FILE")
		cfg.Connections = components.Stock(cfg.Settings).Kinds
		cfg.ReconcileInterval = 200 * time.Millisecond
	}
	system.StartWorker(t)
	return system, s, fakes
}

// fillList adds members that changed an hour ago.
func (f syncFakes) fillList(from, to int) {
	at := time.Now().Add(-time.Hour)
	for i := from; i < to; i++ {
		f.mailchimp.Put(fakemailchimp.Member{
			Email: fmt.Sprintf("member-%d@example.com", i), LastChanged: at, OptedIn: at,
			MergeFields: map[string]any{"FNAME": fmt.Sprint("First ", i), "LNAME": "Lee"},
		})
	}
}

// awaitSync waits until a sync is as a condition wants it.
func awaitSync(t *testing.T, s shell, name string, is func(seenSync) bool) (now seenSync) {
	t.Helper()
	polltest.Until(t, func(c *polltest.Check) {
		now = seenSync{}
		s.json(t, &now, "sync", "show", name)
		require.True(c, is(now), "%+v", now)
	}, time.Minute, 100*time.Millisecond)
	return now
}

// unsteady are times and durations, and the blanks by which they align.
var unsteady = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?`), "TIME"},
	{regexp.MustCompile(`\d+ \w+ from now`), "LATER"},
	{regexp.MustCompile(`\d+ \w+ ago|\bnow\b`), "AGO"},
	{regexp.MustCompile(`\b(\d+m)?\d+(\.\d+)?m?s\b`), "DURATION"},
	{regexp.MustCompile(` {2,}`), "  "},
}

func steady(text string) string {
	for _, u := range unsteady {
		text = u.pattern.ReplaceAllString(text, u.instead)
	}
	return text
}

func runStatus(s seenSync) string { return fmt.Sprint(s.Run["status"]) }

// A sync from its creation through a full load, rejected records, an update, a pause and a deletion.
func TestSync(t *testing.T) {
	t.Parallel()
	_, s, fakes := syncShell(t)
	require.Equal(t, "No syncs found. Create one with `sluice sync create`.\n", s.ok(t, "sync", "list"))
	require.Contains(t, s.ok(t, "connection", "test", "mc"), "lists visible: 1")
	require.Contains(t, s.ok(t, "connection", "test", "om"), "key accepted")
	fakes.fillList(0, 450)
	fakes.mailchimp.Put(fakemailchimp.Member{
		Email: "large@example.com", LastChanged: time.Now().Add(-time.Hour),
		MergeFields: map[string]any{"FNAME": strings.Repeat("x", 61_000)},
	})
	golden(t, "sync/create", s.ok(t, "sync", "create", "news", "--from", "mailchimp:mc", "--list", fakemailchimp.List,
		"--to", "ometria:om", "--every", "2h"))
	done := awaitSync(t, s, "news", func(v seenSync) bool { return runStatus(v) == "succeeded" })
	require.Equal(t, 450, len(fakes.ometria.Records())) //nolint:testifylint // Len prints all records
	require.EqualValues(t, 450, *done.TotalUpdates)
	require.EqualValues(t, 1, done.Rejects)
	require.Equal(t, "current", done.State)
	require.NotNil(t, done.Latest)
	require.Equal(t, done.Latest, done.CurrentTo)
	require.Empty(t, done.Settings, "defaults are not stored")
	require.EqualValues(t, 451, done.Run["source_count"])
	golden(t, "sync/rejects", steady(s.ok(t, "sync", "rejects", "news")))
	require.Contains(t, s.ok(t, "sync", "rejects", "news", "-o", "csv"), "write,1,")
	require.Equal(t, "No record of sync news is held opted out.\n", s.ok(t, "sync", "rejects", "news", "--kind", "held-opted-out"))
	require.Contains(t, s.ok(t, "sync", "rejects", "news", "--stage", "write", "--state", "rejected", "--text", "BYTES"), "write")
	require.Equal(t, "No rejected records match --state.\n", s.ok(t, "sync", "rejects", "news", "--state", "retry_requested"))
	require.NotContains(t, s.ok(t, "sync", "rejects", "news", "--stage", "map", "-o", "csv"), "write,1,")
	require.Equal(t, "No runs match --status.\n", s.ok(t, "sync", "history", "news", "--status", "failed"))
	require.Contains(t, s.ok(t, "sync", "history", "news", "--kind", "full"), "succeeded")
	require.EqualValues(t, 0, done.Counts["difference"])
	golden(t, "sync/list", steady(s.ok(t, "sync", "list")))
	golden(t, "sync/show", steady(s.ok(t, "sync", "show", "news")))
	golden(t, "sync/history", steady(s.ok(t, "sync", "history", "news")))

	// An update delivers what has changed, and what was corrected.
	fakes.fillList(450, 460)
	fakes.mailchimp.Put(fakemailchimp.Member{Email: "large@example.com", LastChanged: time.Now().Add(-2 * time.Hour)})
	require.Contains(t, s.ok(t, "sync", "rejects", "news", "--retry"), "sync news retries 1 record")
	awaitSync(t, s, "news", func(v seenSync) bool { return v.Rejects == 0 && runStatus(v) == "succeeded" })
	s.ok(t, "sync", "set", "news", "latest_timestamp="+time.Now().Add(-3*time.Hour).UTC().Format("2006-01-02T15:04:05"))
	s.ok(t, "sync", "run", "news")
	awaitSync(t, s, "news", func(seenSync) bool { return len(fakes.ometria.Records()) == 461 })

	// Members who opt in again after an opt-out are named.
	for _, status := range []string{"unsubscribed", "subscribed"} {
		at := time.Now().Add(-time.Minute)
		fakes.mailchimp.Put(fakemailchimp.Member{Email: "member-7@example.com", Status: status, LastChanged: at, OptedIn: at})
		before := awaitSync(t, s, "news", func(v seenSync) bool { return runStatus(v) == "succeeded" })
		s.ok(t, "sync", "run", "news")
		awaitSync(t, s, "news", func(v seenSync) bool { return runStatus(v) == "succeeded" && v.Run["id"] != before.Run["id"] })
	}
	held := fakemailchimp.Member{Email: "member-7@example.com"}.ID()
	require.Contains(t, s.ok(t, "sync", "show", "news"), "1 record opted in again and held opted out by the target")
	require.Contains(t, s.ok(t, "sync", "rejects", "news", "--kind", "held-opted-out"), held)
	require.Contains(t, s.ok(t, "sync", "rejects", "news", "--kind", "held-opted-out", "-o", "csv"), held)
	require.Contains(t, s.ok(t, "sync", "rejects", "news", "--kind", "held-opted-out", "--held-after", "1h"), held)
	require.Contains(t, s.ok(t, "sync", "rejects", "news", "--kind", "held-opted-out", "--held-before", "2026-01-01"),
		"No held records match --held-before")

	// A pause lasts, also for the command run.
	require.Contains(t, s.ok(t, "sync", "pause", "news", "--reason", "cleaning"), "paused sync news")
	paused := awaitSync(t, s, "news", func(v seenSync) bool { return v.State == "paused" })
	require.Equal(t, "paused by ann: cleaning", paused.Note)
	require.Nil(t, paused.NextRunAt)
	require.Contains(t, s.ok(t, "sync", "show", "news"), "none: the sync is paused; resume it with `sluice sync resume news`")
	s.fails(t, "sync news is paused: resume it, which runs it: not possible in this state", "sync", "run", "news")
	s.ok(t, "sync", "resume", "news")
	awaitSync(t, s, "news", func(v seenSync) bool {
		return !v.Paused && runStatus(v) == "succeeded"
	})
	s.ok(t, "sync", "delete", "news")
	s.fails(t, "no sync news: `sluice sync list` lists all", "sync", "show", "news")
}

// While a run retries, it has the reason; the next run is due by the schedule.
func TestSyncRetries(t *testing.T) {
	t.Parallel()
	_, s, fakes := syncShell(t)
	fakes.fillList(0, 10)
	fakes.mailchimp.Inject(fakefault.Fault{Method: "members", Status: 429, RetryAfter: 120})
	s.ok(t, "sync", "create", "news", "--from", "mailchimp:mc", "--list", fakemailchimp.List, "--to", "ometria:om", "--every", "2h")
	retrying := awaitSync(t, s, "news", func(v seenSync) bool { return runStatus(v) == "running" && v.Run["error"] != "" })
	require.Contains(t, retrying.Run["error"], "429 Too Many Requests")
	require.NotNil(t, retrying.NextRunAt)
	require.WithinRange(t, *retrying.NextRunAt, time.Now(), time.Now().Add(2*time.Hour+time.Second))
	shown := s.ok(t, "sync", "show", "news")
	require.Regexp(t, `Error +the last attempt failed, and is retried: .*429 Too Many Requests`, shown)
	require.Regexp(t, `Next run +\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC, .* from now`, shown)
	s.ok(t, "sync", "delete", "news")
}

// lateMapping sends last names as they are: the fake accepts a number, and rejects it later.
const lateMapping = `mapping={"@type":"\"contact\"","id":"data.unique_email_id","email":"data.email_address",` +
	`"lastname":"data.merge_fields?.LNAME"}`

// Records that the target rejects later are found in their page, and records of each run are in the warehouse.
func TestSyncFindRejected(t *testing.T) {
	t.Parallel()
	system, s, fakes := syncShell(t)
	fakes.fillList(0, 30)
	at := time.Now().Add(-time.Hour)
	bad := fakemailchimp.Member{Email: "bad@example.com", LastChanged: at, MergeFields: map[string]any{"LNAME": 7}}
	fakes.mailchimp.Put(bad)
	s.ok(t, "sync", "create", "news", "--from", "mailchimp:mc", "--list", fakemailchimp.List, "--to", "ometria:om", "--set", lateMapping)
	awaitSync(t, s, "news", func(v seenSync) bool { return runStatus(v) == "succeeded" })
	for _, page := range []string{"1", "1/0", "x/1", "1/1/1"} {
		s.fails(t, fmt.Sprintf("--find-rejected %q: want RUN/PAGE, such as 12/3, as `sluice sync show` lists them", page),
			"sync", "run", "news", "--find-rejected", page)
	}
	s.fails(t, "page 1/9 of sync news has no delivered records, or is older than 168h0m0s", "sync", "run", "news", "--find-rejected", "1/9")
	require.Contains(t, s.ok(t, "sync", "run", "news", "--find-rejected", "1/1"), "sync news searches page 1/1;")
	found := awaitSync(t, s, "news", func(v seenSync) bool { return v.Run["kind"] == "find" && runStatus(v) == "succeeded" })
	require.EqualValues(t, 1, found.Rejects)
	require.Equal(t, "1/1", found.Run["find"])
	require.Regexp(t, bad.ID()+` +write +1 .*accepted, and rejected later: not a valid value at root > lastname`, s.ok(t, "sync", "rejects", "news"))
	require.Contains(t, s.ok(t, "sync", "show", "news"), "search of page 1/1 succeeded: 1 record found after ")

	rows := func(run, to uint64) uint64 {
		n, err := system.Warehouse.CountSync(t.Context(), warehouse.SyncRange{Sync: "news", RunID: run, From: 1, To: to})
		require.NoError(t, err)
		return n
	}
	polltest.Eventually(t, func() bool { return rows(1, 0) == 1 && rows(2, 0) == 1 }, time.Minute, 100*time.Millisecond)
	require.EqualValues(t, 31, rows(1, 99))
	require.EqualValues(t, 1, rows(2, 99), "the record that was found")
}

// Faults are reported before anything is created, and with what would be right.
func TestSyncFaults(t *testing.T) {
	t.Parallel()
	_, s, _ := syncShell(t)
	create := func(more ...string) []string {
		return append([]string{"sync", "create", "news", "--from", "mailchimp:mc", "--list", "a", "--to", "ometria:om"}, more...)
	}
	s.fails(t, `--from "mc": want KIND:CONNECTION, such as mailchimp:mc`, create("--from", "mc")...)
	s.fails(t, "no connection nope: add one with `sluice connection add nope --kind mailchimp`", create("--from", "mailchimp:nope")...)
	s.fails(t, "connections of kind ometria cannot be read by a sync", create("--from", "ometria:om")...)
	s.fails(t, `worker_count: "x": want a whole number, or null for the default`, create("--set", "worker_count=x")...)
	s.fails(t, `--kind "x": want rejected or held-opted-out`, "sync", "rejects", "news", "--kind", "x")
	s.fails(t, "--retry is for --kind rejected: records of the kind held-opted-out are delivered",
		"sync", "rejects", "news", "--kind", "held-opted-out", "--retry")
	s.fails(t, "--text is for --kind rejected", "sync", "rejects", "news", "--kind", "held-opted-out", "--text", "x")
	s.fails(t, "--held-after is for --kind held-opted-out", "sync", "rejects", "news", "--held-after", "1h")
	s.fails(t, "--stage filters the list: --retry takes the records of --id, or all",
		"sync", "rejects", "news", "--retry", "--stage", "map")
	s.fails(t, "--stage send: want one of read, map, write", "sync", "rejects", "news", "--stage", "send")
	s.fails(t, "--status late: want one of running, succeeded, failed, cancelled", "sync", "history", "news", "--status", "late")
	s.fails(t, "interval 1s: want whole seconds, 1m0s to 744h0m0s", create("--every", "1s")...)
	s.ok(t, create()...)
	s.fails(t, "there is a sync news: see it with `sluice sync show news`", create()...)
	s.fails(t, `change sync news: latest_timestamp: "yesterday": want a UTC time such as 2019-10-18T22:20:23, a time with a zone, or null for a full load`,
		"sync", "set", "news", "latest_timestamp=yesterday")
	failed := awaitSync(t, s, "news", func(v seenSync) bool { return runStatus(v) == "failed" })
	require.Contains(t, failed.Run["error"], "404")
	require.Nil(t, failed.CurrentTo, "no run has succeeded")
	require.Contains(t, s.ok(t, "sync", "show", "news"), "never: no run has succeeded yet")
	require.Regexp(t, `waiting +never`, s.ok(t, "sync", "list"))
	s.ok(t, "sync", "set", "news", "items_per_request=50", "deletions=ignore")
	var now seenSync
	s.json(t, &now, "sync", "show", "news")
	require.Equal(t, map[string]any{"items_per_request": 50.0, "deletions": "ignore"}, now.Settings)
	var all []seenSync
	s.json(t, &all, "sync", "list")
	require.Equal(t, []seenSync{now}, all)
}
