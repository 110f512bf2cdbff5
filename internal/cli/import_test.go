package cli

import (
	"encoding/csv"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
)

// seen is an import as a program that uses --output json sees it, with the names
// that are promised.
type seen struct {
	ID           int64   `json:"id"`
	Site         string  `json:"site"`
	Source       string  `json:"source"`
	Label        string  `json:"label"`
	Status       string  `json:"status"`
	Phase        string  `json:"phase"`
	StartDate    *string `json:"start_date"`
	EndDate      *string `json:"end_date"`
	Days         []struct{ First, Last string }
	RowsRead     int64      `json:"rows_read"`
	Loaded       int64      `json:"rows_loaded"`
	Purged       int64      `json:"rows_purged"`
	Rejected     int64      `json:"rows_rejected"`
	OutOfRange   int64      `json:"rows_out_of_range"`
	LeftOut      int64      `json:"rows_left_out"`
	PartsTotal   int64      `json:"parts_total"`
	PartsDone    int64      `json:"parts_done"`
	Warnings     int64      `json:"warnings"`
	Errors       int64      `json:"errors"`
	LastError    string     `json:"last_error"`
	Parts        []seenPart `json:"parts"`
	By           string     `json:"requested_by"`
	Paused       bool       `json:"paused"`
	Rate         int64      `json:"rows_per_second"`
	WaitUntil    *time.Time `json:"wait_until"`
	WaitReason   string     `json:"wait_reason"`
	Review       bool       `json:"review"`
	Schedule     string     `json:"schedule"`
	NoWorker     bool       `json:"no_worker"`
	AttemptError string     `json:"attempt_error"`
	Fault        string     `json:"workflow_fault"`
	Error        string     `json:"error"`
	ErrorClass   string     `json:"error_class"`
	WorkflowID   string     `json:"workflow_id"`
	RunID        string     `json:"run_id"`
	CreatedAt    time.Time  `json:"created_at"`
	CheckedAt    *time.Time `json:"checked_at"`
	StartedAt    *time.Time `json:"started_at"`
	FinishedAt   *time.Time `json:"finished_at"`
}

type seenPart struct {
	Part       int32  `json:"part"`
	Table      string `json:"table"`
	Label      string `json:"label"`
	Status     string `json:"status"`
	BytesTotal int64  `json:"bytes_total"`
	BytesRead  int64  `json:"bytes_read"`
	Chunks     int32  `json:"chunks"`
	Attempts   int64  `json:"attempts"`
	RowsRead   int64  `json:"rows_read"`
	Loaded     int64  `json:"rows_loaded"`
	Purged     int64  `json:"rows_purged"`
	Rejected   int64  `json:"rows_rejected"`
	OutOfRange int64  `json:"rows_out_of_range"`
	LeftOut    int64  `json:"rows_left_out"`
	Days       []struct{ First, Last string }
	Claimed    []struct{ First, Last string } `json:"claimed_days"`
	Error      string                         `json:"error"`
	StartedAt  *time.Time                     `json:"started_at"`
	FinishedAt *time.Time                     `json:"finished_at"`
}

// TestImport goes through the life of an import as an operator does.
func TestImport(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	require.Equal(t, "No imports found. Start one with `sluice import start`.\n", s.ok(t, "import", "list"))
	require.Equal(t, "[]\n", s.ok(t, "import", "list", "--output", "json"))

	dir := visitors(t)
	r := s.run(t, "import", "start", "csv", dir, "--wait", "--site", "example.com")
	require.Zero(t, r.code, r.err)
	golden(t, "import-start-wait", r.out)
	requireProgress(t, r.err, "completed")
	require.Equal(t, r.out, s.ok(t, "import", "show", "1"), "the end of --wait is what show shows")
	golden(t, "import-list", s.ok(t, "import", "list"))
	golden(t, "import-parts", s.ok(t, "import", "parts", "1"))
	golden(t, "import-rejects", s.ok(t, "import", "rejects", "1"))
	rows, err := csv.NewReader(strings.NewReader(s.ok(t, "import", "logs", "1", "-o", "csv"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"seq", "at", "level", "message"}, rows[0])
	require.Greater(t, len(rows), 1)
	golden(t, "import-logs", s.ok(t, "import", "logs", "1"))

	requireImport(t, s)
	requireRejectsAndLogs(t, s)

	s.ok(t, "import", "list", "--before", "1")
	require.Equal(t, "No imports match --site.\n", s.ok(t, "import", "list", "--site", "b.com"))
	require.Equal(t, "deleted import 1\n", s.ok(t, "import", "delete", "1"))
	s.fails(t, "import 1: not found: see `sluice import list`", "import", "show", "1")
}

func requireImport(t *testing.T, s shell) {
	t.Helper()
	var i seen
	s.json(t, &i, "import", "show", "1")
	require.EqualValues(t, 1, i.ID)
	require.Equal(t, []string{"example.com", "csv", "CSV export", "completed", "completed", "", "", ""},
		[]string{i.Site, i.Source, i.Label, i.Status, i.Phase, i.AttemptError, i.Error, i.ErrorClass})
	require.Equal(t, "2023-01-01", *i.StartDate)
	require.Equal(t, "2023-01-03", *i.EndDate)
	require.Equal(t, []struct{ First, Last string }{{"2023-01-01", "2023-01-03"}}, i.Days)
	require.Equal(t, []int64{6, 4, 1, 1, 0, 1, 0},
		[]int64{i.RowsRead, i.Loaded, i.Rejected, i.OutOfRange, i.LeftOut, i.Warnings, i.Errors})
	require.Empty(t, i.LastError)
	require.Equal(t, "import/example.com/1", i.WorkflowID)
	require.Equal(t, "ann", i.By)
	require.NotEmpty(t, i.RunID)
	require.False(t, i.CreatedAt.After(*i.StartedAt))
	require.True(t, i.StartedAt.Before(*i.FinishedAt))

	require.Len(t, i.Parts, 2)
	p := i.Parts[0]
	require.Equal(t, "imported_visitors", p.Table)
	require.Equal(t, "imported_visitors_20230101_20230103.csv", p.Label)
	require.Equal(t, []string{"done", ""}, []string{p.Status, p.Error})
	require.Equal(t, []int64{4, 2, 1, 1, 0}, []int64{p.RowsRead, p.Loaded, p.Rejected, p.OutOfRange, p.LeftOut})
	require.Equal(t, p.Days, p.Claimed, "from the first to the last row")
	require.Equal(t, []int64{1, 1, p.BytesTotal}, []int64{int64(p.Chunks), p.Attempts, p.BytesRead})
	require.Positive(t, p.BytesTotal)
	require.True(t, p.StartedAt.Before(*p.FinishedAt))

	var parts []seenPart
	s.json(t, &parts, "import", "parts", "1")
	require.Equal(t, i.Parts, parts)
	var all []seen
	s.json(t, &all, "import", "list", "--site", "example.com")
	require.Equal(t, []seen{i}, all)
}

func requireRejectsAndLogs(t *testing.T, s shell) {
	t.Helper()
	type reject struct {
		File, Column, Reason, Sample string
		Line                         int64
	}
	var rejects []reject
	s.json(t, &rejects, "import", "rejects", "1")
	require.Equal(t, []reject{{
		File: "imported_visitors_20230101_20230103.csv", Line: 3, Column: "visitors", Sample: "x",
		Reason: "not a whole number: want digits only, or nothing for 0",
	}}, rejects)
	require.Contains(t, s.ok(t, "import", "rejects", "1", "--limit", "1"), "\nThere may be more: continue with --skip 1.\n")
	require.Equal(t, "Import 1 has no rejected rows after the first 1.\n", s.ok(t, "import", "rejects", "1", "--skip", "1"))
	require.Equal(t, "[]\n", s.ok(t, "import", "rejects", "1", "--skip", "1", "-o", "json"))
	require.Contains(t, s.ok(t, "import", "rejects", "1", "--text", "WHOLE", "--column", "visitors", "--part", "0,1"), "digits")
	require.Equal(t, "No rejected rows match --column, --part.\n", s.ok(t, "import", "rejects", "1", "--part", "7", "--column", "x"))
	s.fails(t, "--part x: want the number of a part, from 0", "import", "rejects", "1", "--part", "x")

	lines := strings.Split(strings.TrimSpace(s.ok(t, "import", "logs", "1", "-f", "-o", "json")), "\n")
	require.Len(t, lines, 3)
	levels := []string{"info", "warn", "info"}
	for n, line := range lines {
		require.Regexp(t, `^\{"seq":`+string(rune('1'+n))+`,"at":"[0-9TZ:.-]+","level":"`+levels[n]+`","message":".+"\}$`, line)
	}
}

// requireProgress checks the lines that are written where there is no terminal: few,
// each one a phase that came after the one before.
func requireProgress(t *testing.T, text, last string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	require.LessOrEqual(t, len(lines), 12, text)
	order := []string{"queued", "before_start", "planning", "loading", "finalize", "on_failure", "clean_up", "completed", "failed", "cancelled"}
	before := -1
	for _, line := range lines {
		at := slices.Index(order, strings.Fields(line)[0])
		require.GreaterOrEqual(t, at, before, "%q in\n%s", line, text)
		before = at
		require.NotContains(t, line, "\x1b", "colours where there is no terminal")
		require.NotContains(t, line, "\r")
	}
	require.Equal(t, last, strings.Fields(lines[len(lines)-1])[0])
}

// slow are the arguments of an import that runs for long, and stops soon.
const (
	slow         = `{"rows": 10000, "delay": "50ms"}`
	oneRowChunks = "SLUICE_IMPORT_CHUNK_ROWS=1"
)

func TestStartIsRefused(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	s.fails(t, "site b.com: not found: add it with `sluice site add b.com`", "import", "start", "csv", "/tmp", "--site", "b.com")
	s.fails(t, `unexpected argument "/tmp": arguments of the importer are set by --args '{"NAME": VALUE}': see `+
		"`sluice import start noop --help`",
		"import", "start", "noop", "/tmp", "--site", "example.com")
	s.fails(t, `arguments of noop: argument "rows": want a whole number, got a string`,
		"import", "start", "noop", "--site", "example.com", "--args", `{"rows": "many"}`)
	s.fails(t, `arguments of csv: argument "paths": want at least one path`, "import", "start", "csv", "--site", "example.com")
	s.fails(t, "the idempotency key has 201 bytes: at most 200 are allowed",
		"import", "start", "noop", "--site", "example.com", "--idempotency-key", strings.Repeat("k", 201))
	require.Equal(t, "[]\n", s.ok(t, "import", "list", "-o", "json"), "nothing was created")

	s.stdin, s.environ = slow, append(s.environ, oneRowChunks)
	require.Equal(t, "started import 1; follow it with `sluice import logs 1 -f`\n",
		s.ok(t, "import", "start", "noop", "--site", "example.com", "--args", "-"))
	limited := s
	limited.environ = append(limited.environ, "SLUICE_LIMITS_IMPORTS_PER_SITE=1")
	limited.fails(t, "site example.com: the site has 1 imports, and may have 1: limit reached: "+
		"delete imports with `sluice import delete ID`, or raise limits.imports_per_site",
		"import", "start", "noop", "--site", "example.com")
	r := s.run(t, "import", "delete", "1")
	require.Equal(t, exitRefused, r.code)
	require.Regexp(t, "^sluice: import 1 is (queued|running), cancel it first with `sluice import cancel 1`: "+
		"not possible in this state\n$", r.err)
	require.Equal(t, "cancelled import 1 and purged its rows\n", s.ok(t, "import", "cancel", "1", "--wait"))
	s.fails(t, "import 1 is cancelled: not possible in this state", "import", "cancel", "1")
	shown := s.ok(t, "import", "show", "1")
	require.Contains(t, shown, "\nStatus      cancelled\n")
	require.NotContains(t, shown, "Error", "a cancellation is no error")
	require.Equal(t, "deleting import 1\n", s.ok(t, "import", "delete", "1", "--no-wait"))
}

func TestUnknownImports(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	for _, line := range []string{
		"import show 7", "import logs 7", "import parts 7", "import rejects 7", "import cancel 7", "import delete 7",
		"import retry-part 7 0", "import skip-part 7 0 --reason x",
	} {
		s.fails(t, "import 7: not found: see `sluice import list`", strings.Fields(line)...)
	}
}

func TestFailedImport(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	r := s.run(t, "import", "start", "noop", "--site", "example.com", "--label", "Drill", "--wait", "--args",
		`{"rows": 10, "fail": "plan", "permanent": true}`)
	require.Equal(t, exitFailure, r.code, "only a completed import is a success")
	golden(t, "import-failed", r.out)
	requireProgress(t, r.err, "failed")
	golden(t, "import-failed-logs", s.ok(t, "import", "logs", "1"))
	golden(t, "import-failed-list", s.ok(t, "import", "list"))
	require.Equal(t, "Import 1 has no parts.\n", s.ok(t, "import", "parts", "1"))
	require.Equal(t, "Import 1 has no rejected rows.\n", s.ok(t, "import", "rejects", "1"))

	var i seen
	r = s.run(t, "import", "start", "csv", filepath.Join(t.TempDir(), "nope.csv"), "--site", "example.com", "--wait", "-o", "json")
	require.Equal(t, exitFailure, r.code)
	s.json(t, &i, "import", "show", "2")
	require.Equal(t, []string{"failed", "bad_input"}, []string{i.Status, i.ErrorClass})
	require.True(t, strings.HasSuffix(i.Error, "nope.csv: does not exist on the worker's machine"), i.Error)
	require.Nil(t, i.StartDate)
	require.Empty(t, i.Parts)
}

// A callback that fails permanently after the outcome is settled leaves the import completed. The
// listing and the import itself count and name the error.
func TestErrorsOfCompletedImport(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	shown := s.ok(t, "import", "start", "noop", "--site", "example.com", "--wait", "--args",
		`{"rows": 4, "fail": "clean_up", "permanent": true}`)
	const fault = "clean_up failed permanently; its resources may remain: noop failed as configured in clean_up"
	require.Contains(t, shown, "\nStatus      completed\n")
	require.Contains(t, shown, "\nLast error  "+fault+"\n")
	require.Contains(t, shown, "\n1 error in the log: see `sluice import logs 1`.\n")
	require.Contains(t, s.ok(t, "import", "logs", "1"), " error "+fault+"\n")
	golden(t, "import-errors-list", s.ok(t, "import", "list"))

	var i seen
	s.json(t, &i, "import", "show", "1")
	require.Equal(t, []string{"completed", "", fault}, []string{i.Status, i.Error, i.LastError})
	require.Equal(t, []int64{0, 1}, []int64{i.Warnings, i.Errors})
	var all []seen
	s.json(t, &all, "import", "list")
	require.Equal(t, []seen{i}, all)

	// The error of a failed import is among its log's errors, and is shown once.
	failed := s.run(t, "import", "start", "noop", "--site", "example.com", "--wait", "--args",
		`{"rows": 4, "fail": "plan", "permanent": true}`)
	require.Contains(t, failed.out, "\nError       noop failed as configured in plan (bad_input)\n")
	require.NotContains(t, failed.out, "Last error")
	require.Contains(t, failed.out, "\n1 error in the log: see `sluice import logs 2`.\n")
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.ok(t, "site", "add", "example.com")
	line := []string{"import", "start", "noop", "--site", "example.com", "--args", `{"rows": 3}`, "--idempotency-key", "k"}
	require.Equal(t, "started import 1; follow it with `sluice import logs 1 -f`\n", s.ok(t, line...))
	_, err := system.Starter.Wait(enginetest.Context(t), 1, nil)
	require.NoError(t, err)
	require.Equal(t, "import 1 already exists under this idempotency key: it is completed\n", s.ok(t, line...))
}
