package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Mistakes on the command line or in the configuration are found before anything is
// reached.
func TestExitUsage(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"nope", "import nope", "import list --nope", "import list --limit", "import list --limit x", "import list --limit 0",
		"import list --status x", "import list more", "import list --output xml", "import show", "import show x", "import show 1 2",
		"import start", "import start nope --site a.com", "import start noop", "import start noop --site a.com --args [",
		"import start noop --site a.com --wait --listen", "import start noop --site a.com --dry-run --listen",
		"import start noop --site a.com --timeout 5s", "import start noop --site a.com --wait --timeout -5s",
		"import start noop --site a.com --check-timeout -1s", "import start noop --site a.com --parallelism 0",
		"import skip-part 1 0", "import retry-part 1", "import retry-part 1 x", "import set-rate 1 x", "import set-rate 1",
		"site add", "site add a,b", "site add a.com --timezone Mars", "review decline 1", "event purge", "worker --load-slots 0",
		"site add a.com --contact x", "site add a.com --native-start x", "site update a.com --timezone Mars",
		"import rejects 1 --skip -1", "import rejects 1 --limit 0", "import logs 1 --tail 0", "import preview 1 --limit 0",
		"event list --limit 0", "event list --after x", "event purge --before x", "event purge --older-than 0s", "event purge --older-than 1h --state x",
		"event send --data [", "event send --to a", "job list --state x", "job list --after x", "job list --limit 0",
		"job retry", "job cancel", "job resolve x --as y", "job edit x", "job discard",
		"schedule create a", "schedule create a noop --site a.com --every x",
		"connection add a --kind nope", "connection add a --kind webhook --set x",
		"connection add a --kind webhook --settings [", "destination pause", "destination set-schedule a b", "destination trigger a",
		"apply", "diff", "flow show", "locks list --limit 0", "site remove", "review accept x", "review list --limit 0",
		"generate importer", "keyset list more", "connection rotate", "flow test more",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r := offline().run(t, strings.Fields(line)...)
			require.Equal(t, exitUsage, r.code, r.err)
			require.NotEmpty(t, r.err)
			require.Empty(t, r.out)
		})
	}
	s := offline()
	s.environ = append(s.environ, "SLUICE_IMPORT_PARALLELISM=0")
	require.Equal(t, exitUsage, s.run(t, "site", "list").code, "the configuration is part of it")
}

// Errors of other packages have codes, however they are wrapped.
func TestCodeOf(t *testing.T) {
	t.Parallel()
	for want, errs := range map[int][]error{
		exitDone:        {nil},
		exitFailure:     {errors.New("boom"), silently(exitFailure, errors.New("boom"))},
		exitUsage:       {starter.ErrInvalid, exitWith(exitUsage, store.ErrNotFound)},
		exitRefused:     {store.ErrNotFound, store.ErrConflict, store.ErrLimit, importstore.ErrDecided, starter.ErrRefused, connections.ErrNotFound},
		exitUnavailable: {starter.ErrNoWorker, starter.ErrNoAnswer, context.DeadlineExceeded},
		exitTimeout:     {exitWith(exitTimeout, errTimeout)},
	} {
		for _, err := range errs {
			require.Equal(t, want, codeOf(err), "%v", err)
			if err != nil {
				require.Equal(t, want, codeOf(errors.Join(fmt.Errorf("import 1: %w", err), nil)), "%v", err)
			}
		}
	}
	for status, want := range map[string]int{
		importstore.StatusCompleted: exitDone, importstore.StatusUnchanged: exitDone, importstore.StatusFailed: exitFailure,
		importstore.StatusParked: exitParked, importstore.StatusCancelled: exitCancelled, importstore.StatusDeclined: exitCancelled,
	} {
		require.Equal(t, want, codeOfStatus(status), status)
	}
}

// What an import ends with is the exit code of the command that waits for it, with --wait
// and with --listen.
func TestExitOfImports(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.ok(t, "site", "add", "example.com")
	n := 0
	for _, flag := range []string{"--wait", "--listen"} {
		for _, tc := range []struct {
			args string
			code int
			last string
		}{
			{`{"rows": 3}`, exitDone, "complete, 3 rows loaded"},
			{`{"rows": 3, "fail": "finalize", "fail_times": 1}`, exitDone, "complete, 3 rows loaded"},
			{`{"unchanged": true}`, exitDone, "complete"},
			{`{"rows": 3, "fail": "plan", "permanent": true}`, exitFailure, "fail, noop failed as configured in plan"},
			{`{"rows": 3, "fail": "before_start", "permanent": true}`, exitFailure, "fail, noop failed as configured in before_start"},
			{`{"rows": 3, "fail": "import_data", "fail_times": 10}`, exitParked, "parked, waiting for `sluice import retry-part"},
			{`{"rows": 3, "fail": "before_start", "wait": "1h"}`, exitTimeout, "timeout, the import continues: it is "},
			{`{"rows": 4, "fail": "before_start", "wait": "1h"}`, exitCancelled, "fail, cancelled by ann"},
		} {
			n++
			site := fmt.Sprintf("s%d.com", n)
			s.ok(t, "site", "add", site)
			line := []string{"import", "start", "noop", "--site", site, "--args", tc.args, "--idempotency-key", "k"}
			switch tc.code {
			case exitTimeout:
				line = append(line, "--timeout", "3s")
			case exitCancelled:
				s.ok(t, append(line, "--check-timeout", "0")...)
				system.WaitFor(t, int64(n), "a worker", func(now importstore.Summary) bool { return now.Import.RunID != "" })
			}
			out, stderr, _, wait := s.background(t, append(line, flag)...)
			if tc.code == exitCancelled {
				s.ok(t, "import", "cancel", fmt.Sprint(n))
			}
			require.Equal(t, tc.code, wait(), "%s %s: %s", flag, tc.args, stderr.String())
			if flag == "--listen" {
				lines := strings.Split(strings.TrimSpace(out.String()), "\n")
				require.Contains(t, lines[len(lines)-1], fmt.Sprintf("import %d of %s: %s", n, site, tc.last))
				require.Equal(t, strings.Contains(tc.args, "fail_times"), strings.Contains(out.String(), "transient_fail"), out.String())
			}
		}
	}
}

// A permanent error of before_start is returned by the call that starts the import. With
// no worker there is no answer: the call says so, and ends well.
func TestStartChecksTheSource(t *testing.T) {
	t.Parallel()
	system, s := systemWithoutWorker(t)
	s.ok(t, "site", "add", "example.com")
	missing := filepath.Join(t.TempDir(), "nope.csv")
	require.Equal(t, "import 1 is queued: no live worker offers importer \"csv\"; it starts when such a worker does\n",
		s.ok(t, "import", "start", "csv", missing, "--site", "example.com", "--check-timeout", "50ms"))
	system.StartWorker(t)
	require.Equal(t, importstore.StatusFailed, system.Wait(t, 1).Import.Status)

	want := "import 2: " + missing + ": does not exist on the worker's machine"
	for _, args := range [][]string{{}, {"--output", "json"}} {
		r := s.run(t, append([]string{"import", "start", "csv", missing, "--site", "example.com", "--idempotency-key", "k"}, args...)...)
		require.Equal(t, exitFailure, r.code)
		require.Equal(t, "sluice: "+want+"\n", r.err)
	}
	logs := s.ok(t, "import", "logs", "2")
	require.Contains(t, logs, "does not exist on the worker's machine")
	s.environ = append(s.environ, oneRowChunks)
	// A source that is there is started, also behind an import that holds the locks.
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--args", slow)
	system.WaitLoading(t, 3)
	require.Contains(t, s.ok(t, "import", "start", "noop", "--site", "example.com"), "started import 4")
	_, err := system.Starter.StartImport(enginetest.Context(t), starter.Request{
		Site: "example.com", Source: "csv", Args: []byte(fmt.Sprintf(`{"paths": [%q]}`, missing)), CheckTimeout: checkTimeout,
	})
	var refused *starter.CheckError
	require.ErrorAs(t, err, &refused)
	require.EqualValues(t, 5, refused.ImportID)
	require.Equal(t, "bad_input", refused.Class)
	s.ok(t, "import", "cancel", "3")
	s.ok(t, "import", "cancel", "4")
}

// The page about exit codes has what the code has.
func TestExitCodesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/exit-codes.md")
	require.NoError(t, err)
	for code := range exitTimeout + 1 {
		require.Contains(t, string(page), fmt.Sprintf("\n| %d | ", code))
	}
	require.Contains(t, string(page), fmt.Sprintf("\n| %d | ", exitInterrupted))
}
