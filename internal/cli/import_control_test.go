package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// TestParkedParts: an import that waits for decisions says so, and takes them.
func TestParkedParts(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.ok(t, "site", "add", "example.com")
	// Ten attempts at one part, or at two, and all of them fail.
	_, stderr, _, wait := s.background(t, "import", "start", "noop", "--site", "example.com", "--wait", "--parallelism", "1",
		"--args", `{"rows": 10, "parts": 2, "fail": "import_data", "fail_times": 20}`)
	stderr.await(enginetest.Context(t), t, "parked")
	require.Contains(t, stderr.String(), "waiting for `sluice import retry-part 1 PART` or skip-part")
	require.Equal(t, exitParked, wait(), "a person has to decide")
	// The import is parked with its first parked part; the other one is still being tried.
	system.WaitParked(t, 1)
	system.WaitFor(t, 1, "nothing is tried again", func(now importstore.Summary) bool {
		return now.Import.AttemptError == "" && now.Warnings == 2
	})
	golden(t, "import-parked", s.ok(t, "import", "show", "1"))
	golden(t, "import-parked-list", s.ok(t, "import", "list"))

	r := s.run(t, "import", "retry-part", "1", "5")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "part 5 is not an open part: the import has 2 parts, numbered from 0")
	require.Equal(t, "skipping part 0 of import 1\n", s.ok(t, "import", "skip-part", "1", "0", "--reason", "no use"))
	require.Equal(t, "retrying part 1 of import 1\n", s.ok(t, "import", "retry-part", "1", "1"))
	require.Equal(t, importstore.StatusCompleted, system.Wait(t, 1).Import.Status)
	golden(t, "import-skipped", s.ok(t, "import", "show", "1"))
	require.Contains(t, s.ok(t, "import", "logs", "1"), "Part 0, part 1 of 2, was skipped: no use")

	for _, line := range []string{"import retry-part 1 0", "import skip-part 1 0 --reason x"} {
		s.fails(t, "import 1 is completed: not possible in this state", strings.Fields(line)...)
	}
	summary, err := system.Store.Imports.Summary(enginetest.Context(t), 1)
	require.NoError(t, err)
	require.Equal(t, importstore.StatusCompleted, summary.Import.Status)
	require.EqualValues(t, 5, summary.RowsLoaded)
}

// TestCtrlC: a user who stops following an import reads that the import continues.
func TestCtrlC(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	ctx := enginetest.Context(t)
	s.environ = append(s.environ, oneRowChunks)
	out, stderr, stop, _ := s.background(t, "import", "start", "noop", "--site", "example.com", "--wait", "--args", slow)
	stderr.await(ctx, t, "loading")
	require.Equal(t, exitInterrupted, stop())
	require.True(t, strings.HasSuffix(stderr.String(), "\nImport 1 continues. Follow it with `sluice import logs 1 -f`, "+
		"cancel it with `sluice import cancel 1`.\n"), stderr.String())
	require.Empty(t, out.String())

	out, stderr, stop, _ = s.background(t, "import", "logs", "1", "-f")
	require.Equal(t, exitInterrupted, stop())
	require.Empty(t, out.String()+stderr.String(), "an interrupt is no error to report")

	require.Equal(t, "cancelling import 1; its rows are being purged\n", s.ok(t, "import", "cancel", "1"))
	_, stderr, _, wait := s.background(t, "import", "logs", "1", "-f")
	require.Zero(t, wait(), stderr.String())
}

// TestLogsFollow: -f shows what comes, and ends with the import.
func TestLogsFollow(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--args", `{"rows": 10, "parts": 2, "delay": "200ms"}`)
	out, stderr, _, wait := s.background(t, "import", "logs", "1", "-f")
	out.await(enginetest.Context(t), t, "Importing 2021-01-01..2021-01-31.")
	require.Zero(t, wait(), stderr.String())
	var i seen
	s.json(t, &i, "import", "show", "1")
	require.Equal(t, "completed", i.Status)
	require.Equal(t, s.ok(t, "import", "logs", "1"), out.String())
}

func TestWorker(t *testing.T) {
	t.Parallel()
	system, s := systemWithoutWorker(t)
	s.ok(t, "site", "add", "example.com")
	_, stderr, stop, _ := s.background(t, "worker", "--migrate", "--load-slots", "2")
	ctx := enginetest.Context(t)
	stderr.await(ctx, t, "worker started")
	require.Contains(t, stderr.String(), "load_slots=2")
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--args", `{"rows": 3}`, "--wait")
	require.Zero(t, stop(), "a worker that stops on a signal exits with 0")
	require.Contains(t, stderr.String(), "worker stopping")
	summary, err := system.Store.Imports.Summary(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, importstore.StatusCompleted, summary.Import.Status)
}
