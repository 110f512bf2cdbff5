package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/terminal"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// writeExport writes files of an export to a folder of their own.
func writeExport(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// What an import had loaded before it ended without rows is not shown as loaded; a
// decline is a person's decision, and no error.
func TestRowsPurged(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.ok(t, "site", "add", "example.com")
	locations := writeExport(t, map[string]string{
		"imported_locations_20210101_20210102.csv": "date,country,region,city,visitors\n" +
			"2021-01-01,DE,DE-BY,2867714,1000\n2021-01-02,DE,DE-BE,2950159,2000\n",
	})
	s.ok(t, "import", "start", "csv", locations, "--site", "example.com", "--review")
	system.WaitFor(t, 1, "review", func(now importstore.Summary) bool { return now.Import.Status == importstore.StatusInReview })
	preview := s.ok(t, "import", "preview", "1")
	require.Contains(t, preview, " 2867714 ")
	require.Contains(t, preview, "2 different  2 different", "cities are counted, not added up")
	require.NotContains(t, preview, "5817873")
	require.Contains(t, preview, "3,000")
	require.Contains(t, s.ok(t, "import", "show", "1"), "2 rows read = 2 loaded + 0 rejected")

	s.ok(t, "review", "decline", "1", "--reason", "a trial")
	require.Equal(t, importstore.StatusDeclined, system.Wait(t, 1).Import.Status)
	shown := s.ok(t, "import", "show", "1")
	require.Contains(t, shown, "2 rows read = 0 loaded + 0 rejected + 0 out of range")
	require.Contains(t, shown, " + 2 purged")
	require.Contains(t, shown, "\nReason      declined by ann: a trial\n")
	require.NotContains(t, shown, "\nError ")
	var one seen
	s.json(t, &one, "import", "show", "1")
	require.Equal(t, []int64{0, 2, 0, 2}, []int64{one.Loaded, one.Purged, one.Parts[0].Loaded, one.Parts[0].Purged})
	require.Regexp(t, ` declined +- +1/1 +0 +0 `, s.ok(t, "import", "list"))
	require.Regexp(t, `csv +done +2 +0 +0 `, s.ok(t, "import", "parts", "1"))
	require.Equal(t, "imported_locations, no rows\n\nImport 1 is declined and has no rows.\n",
		s.ok(t, "import", "preview", "1"))
	log := s.ok(t, "import", "logs", "1")
	require.Contains(t, log, "info  Declined by ann: a trial.\n")
	require.NotContains(t, log, "error")
	require.NotContains(t, log, "declined by ann", "it is written once")
}

// A person's cancel is no error in the import's log.
func TestCancelIsNoError(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.environ = append(s.environ, oneRowChunks)
	s.ok(t, "site", "add", "example.com")
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--args", slow)
	system.WaitLoading(t, 1)
	s.ok(t, "import", "cancel", "1", "--wait", "--reason", "wrong file")
	log := s.ok(t, "import", "logs", "1")
	require.Contains(t, log, "info  cancelled by ann: wrong file\n")
	require.NotContains(t, log, "error")
}

// An empty listing says whether there is nothing, or nothing that its filters let through.
func TestNothingMatches(t *testing.T) {
	t.Parallel()
	_, s := systemWithoutWorker(t)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"import", "list"}, "No imports found. Start one with `sluice import start`."},
		{[]string{"import", "list", "--status", "parked"}, "No imports match --status."},
		{[]string{"import", "list", "--site", "x.com", "--by", "ann", "--limit", "3"}, "No imports match --by, --site."},
		{[]string{"job", "list"}, "No jobs found."},
		{[]string{"job", "list", "--destination", "x"}, "No jobs match --destination."},
		{[]string{"job", "stats", "--destination", "x"}, "No jobs match --destination."},
		{[]string{"event", "list", "--source", "x"}, "No events match --source."},
		{[]string{"review", "list"}, "No imports in review."},
		{[]string{"review", "list", "--all"}, "No reviews found."},
		{[]string{"review", "list", "--site", "x.com"}, "No reviews match --site."},
	} {
		require.Equal(t, tc.want+"\n", s.ok(t, tc.args...), "%v", tc.args)
	}
}

// Neither time nor speed is shown of an import whose rows are purged.
func TestReadingOfWhatFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status, phase string
		done          int64
		want          terminal.Reading
	}{
		"loading":     {importstore.StatusRunning, importstore.PhaseLoading, 1, terminal.Reading{Label: "loading", Done: 10, Total: 40, Rows: 7}},
		"on failure":  {importstore.StatusRunning, importstore.PhaseOnFailure, 1, terminal.Reading{Label: "on_failure", Over: true}},
		"cleaning up": {importstore.StatusRunning, importstore.PhaseCleanUp, 1, terminal.Reading{Label: "clean_up", Over: true}},
		"failed":      {importstore.StatusFailed, importstore.StatusFailed, 1, terminal.Reading{Label: "failed", Over: true}},
		"declined":    {importstore.StatusDeclined, importstore.StatusDeclined, 2, terminal.Reading{Label: "declined", Over: true}},
		"with a part skipped": {
			importstore.StatusCompleted, importstore.StatusCompleted, 2,
			terminal.Reading{Label: "completed", Done: 10, Total: 40, Rows: 7, Over: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := readingOf(importstore.Summary{
				Import:    importstore.Import{Status: tc.status, Phase: tc.phase},
				PartsDone: tc.done, PartsTotal: 2, BytesRead: 10, BytesTotal: 40, RowsRead: 7,
			})
			got.Detail = ""
			require.Equal(t, tc.want, got)
		})
	}
}
