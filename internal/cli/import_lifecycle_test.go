package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// A reviewed import from the start to the decision, as a user at a terminal sees it.
func TestReviewCommands(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.ok(t, "site", "add", "example.com")
	require.Equal(t, "No imports in review.\n", s.ok(t, "review", "list"))
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--review", "--args", `{"rows": 3}`)
	system.WaitFor(t, 1, "a review", func(now importstore.Summary) bool { return now.Import.Phase == importstore.PhaseInReview })

	shown := s.ok(t, "import", "show", "1")
	require.Regexp(t, `\nWaiting     for a review until \d{4}-\S+ \S+: .sluice review accept 1. or .sluice review decline 1 `, shown)
	var pending importview.Shown
	s.json(t, &pending, "import", "show", "1")
	require.WithinDuration(t, time.Now().Add(14*24*time.Hour), *pending.ReviewExpiresAt, time.Minute)

	golden(t, "import-preview", s.ok(t, "import", "preview", "1", "--limit", "2"))
	var previews []importview.Preview
	s.json(t, &previews, "import", "preview", "1", "--table", "imported_visitors")
	require.Len(t, previews, 1)
	require.EqualValues(t, 3, previews[0].Rows)
	require.Equal(t, "6", previews[0].Sums["visitors"])
	s.fails(t, "--limit 0: want 1 to 1000", "import", "preview", "1", "--limit", "0")

	listed := strings.Fields(s.ok(t, "review", "list"))
	require.Subset(t, listed, []string{"example.com", "ann", "none"})
	var reviews []importview.Review
	s.json(t, &reviews, "review", "list", "--site", "example.com")
	require.Len(t, reviews, 1)
	require.Equal(t, "in_review", reviews[0].Status)
	require.WithinDuration(t, time.Now().Add(14*24*time.Hour), reviews[0].ExpiresAt, time.Minute)
	require.Nil(t, reviews[0].Decision)

	s.fails(t, "--reason is missing: want a reason for the import's log", "review", "decline", "1")
	require.Equal(t, "accepted import 1; its rows become visible\n", s.ok(t, "review", "accept", "1", "--by", "bob"))
	require.Equal(t, importstore.StatusCompleted, system.Wait(t, 1).Import.Status)
	for filter, want := range map[string]string{
		"--status accepted": "1 ", "--status pending": "No imports match --status", "--status completed,failed": "1 ", "--source noop --by ann": "1 ",
		"--status failed": "No imports match --status", "--by bob": "No imports match --by",
	} {
		require.Regexp(t, "(?m)^ *"+want, s.ok(t, append([]string{"import", "list"}, strings.Fields(filter)...)...), filter)
	}
	s.fails(t, "--status done: want one of queued, running, parked, in_review, completed, unchanged, failed, cancelled, "+
		"declined, deleting", "import", "list", "--status", "done")
	r := s.run(t, "review", "decline", "1", "--reason", "too late")
	require.Equal(t, exitRefused, r.code)
	require.Regexp(t, `^sluice: import 1 was accepted by bob on \S+: decided already\n$`, r.err)
	s.json(t, &reviews, "review", "list", "--all")
	require.Equal(t, importstore.Accepted, *reviews[0].Decision)
	require.Contains(t, s.ok(t, "review", "list", "--all"), "accepted by bob")
}

// What an importer has summed up stands before the reviewer.
func TestShowSummary(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.ok(t, "site", "add", "example.com")
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--review", "--args", `{"rows": 4, "parts": 2, "data": {"files": 3}}`)
	system.WaitFor(t, 1, "a review", func(now importstore.Summary) bool { return now.Import.Phase == importstore.PhaseInReview })
	require.Contains(t, s.ok(t, "import", "show", "1"),
		"\nSummary\n  checked: {\"files\": 3}\n  parts: [{\"files\": 3}, {\"files\": 3}]\n")
	var shown importview.Shown
	s.json(t, &shown, "import", "show", "1")
	require.JSONEq(t, `{"checked": {"files": 3}, "parts": [{"files": 3}, {"files": 3}]}`, string(shown.Summary))
	s.ok(t, "review", "accept", "1")
	require.Equal(t, importstore.StatusCompleted, system.Wait(t, 1).Import.Status)
}

func TestOrderCommands(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.environ = append(s.environ, oneRowChunks)
	s.ok(t, "site", "add", "example.com")
	require.Equal(t, "No locks found.\n", s.ok(t, "locks", "list"))
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--args", slow, "--rate", "1000000")
	system.WaitLoading(t, 1)
	s.ok(t, "import", "start", "noop", "--site", "example.com")
	system.WaitFor(t, 2, "locking", func(now importstore.Summary) bool { return now.Import.Phase == importstore.PhaseLocking })
	var locks []starter.Lock
	s.json(t, &locks, "locks", "list", "--resource", "site:example.com")
	require.Len(t, locks, 2)
	require.Equal(t, []string{"held", "exclusive", "waiting"}, []string{locks[0].State, locks[0].Mode, locks[1].State})
	require.Positive(t, locks[0].FencingToken)
	table := s.ok(t, "locks", "list")
	require.Regexp(t, `site:example.com +exclusive +held +1 `, table)
	require.Regexp(t, `site:example.com +exclusive +waiting +2 `, table)
	require.Contains(t, s.ok(t, "import", "show", "2"), "\nWaiting     for import 1 (site:example.com)\n")
	var queued importview.Shown
	s.json(t, &queued, "import", "show", "2")
	require.Equal(t, []importview.Blocking{{ImportID: 1, Resource: "site:example.com"}}, queued.WaitingFor)

	require.Equal(t, "paused import 1; resume it with `sluice import resume 1`\n",
		s.ok(t, "import", "pause", "1", "--reason", "a look at it"))
	s.fails(t, "pause of import 1: import 1 is paused already", "import", "pause", "1")
	shown := s.ok(t, "import", "show", "1")
	require.Contains(t, shown, "running, loading, paused")
	require.Contains(t, shown, "\nWaiting     for `sluice import resume 1`; see who paused it with `sluice import logs 1`\n")
	require.Contains(t, shown, "at most 1,000,000 rows/s")
	require.Contains(t, s.ok(t, "import", "list"), "loading, paused")
	require.Equal(t, "removed the rate limit of import 1\n", s.ok(t, "import", "set-rate", "1", "0"))
	s.fails(t, `invalid rate "x": want rows per second, or 0 for no limit`, "import", "set-rate", "1", "x")
	require.Equal(t, "resumed import 1\n", s.ok(t, "import", "resume", "1"))
	s.fails(t, "resume of import 1: import 1 is not paused", "import", "resume", "1")
	require.Contains(t, s.ok(t, "import", "logs", "1"), "Paused by ann: a look at it.")
	s.ok(t, "import", "cancel", "1", "--wait", "--reason", "enough")
	require.Equal(t, "cancelled by ann: enough", system.Wait(t, 1).Import.Error)
	require.Regexp(t, `(?s)\nReason      cancelled by ann: enough\n.* interrupted `, s.ok(t, "import", "show", "1"))
	require.Equal(t, importstore.StatusCompleted, system.Wait(t, 2).Import.Status, "the next one had its turn")
}

func TestForgetImports(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.environ = append(s.environ, oneRowChunks)
	s.ok(t, "site", "add", "example.com")
	require.Equal(t, "site example.com has no imports\n", s.ok(t, "site", "forget-imports", "example.com"))
	s.fails(t, "site b.com: not found: see `sluice site list`", "site", "forget-imports", "b.com")
	for _, args := range []string{
		`{"rows": 5, "start_date": "2021-01-01", "end_date": "2021-01-02"}`,
		`{"rows": 5, "start_date": "2021-02-01", "end_date": "2021-02-02"}`,
	} {
		s.ok(t, "import", "start", "noop", "--site", "example.com", "--wait", "--args", args)
	}
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--args", slow)
	system.WaitLoading(t, 3)
	s.fails(t, "1 imports of example.com are under way, wait for them or cancel them first: not possible in this state",
		"site", "forget-imports", "example.com")
	s.ok(t, "import", "cancel", "3", "--wait")
	require.Equal(t, "deleted 3 imports of site example.com\n", s.ok(t, "site", "forget-imports", "example.com"))
	require.Equal(t, "[]\n", s.ok(t, "import", "list", "-o", "json"))
	// The same data can be imported again.
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--wait", "--args",
		`{"rows": 5, "start_date": "2021-01-01", "end_date": "2021-01-02"}`)
}
