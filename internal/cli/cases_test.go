package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// casesFolder returns the folder with faulty inputs that were collected outside this
// repository, or "" if it is not on this machine: SLUICE_CASES names it. What each of them
// shows is tested elsewhere, too, with inputs of the repository's own.
func casesFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("SLUICE_CASES")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "cases")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Logf("no folder of cases: %v", err)
		return ""
	}
	absolute, err := filepath.Abs(folder)
	require.NoError(t, err)
	return absolute
}

// casesSite is the site of a case, and the shell that imports into it.
type casesSite struct {
	shell
	domain string
}

// importFolder imports a folder and returns how it ended.
func (s casesSite) importFolder(t *testing.T, folder string, more ...string) (seen, result) {
	t.Helper()
	r := s.run(t, append([]string{"import", "start", "csv", folder, "--site", s.domain, "--wait"}, more...)...)
	var all []seen
	s.json(t, &all, "import", "list", "--site", s.domain, "--limit", "1")
	require.Len(t, all, 1, r.err)
	last := all[0]
	require.Equal(t, last.RowsRead, last.Loaded+last.Rejected+last.OutOfRange+last.LeftOut, "every row is accounted for")
	return last, r
}

// importsFolder imports a folder that must be loaded.
func (s casesSite) importsFolder(t *testing.T, folder string, rows int64) seen {
	t.Helper()
	last, r := s.importFolder(t, folder)
	require.Equal(t, []any{exitDone, importstore.StatusCompleted}, []any{r.code, last.Status}, r.err)
	require.Equal(t, rows, last.Loaded)
	return last
}

// fails imports a folder that must not be loaded, also by the dry run's word, and returns
// the error.
func (s casesSite) failsToLoad(t *testing.T, folder string) string {
	t.Helper()
	dry := s.run(t, "import", "start", "csv", folder, "--site", s.domain, "--dry-run")
	require.Equal(t, exitFailure, dry.code, "the dry run: %s%s", dry.out, dry.err)
	last, r := s.importFolder(t, folder, "--on-part-failure", "fail")
	require.Equal(t, []any{exitFailure, importstore.StatusFailed}, []any{r.code, last.Status}, r.err)
	require.NotEmpty(t, last.Error)
	require.Zero(t, last.Loaded, "what is failed has loaded nothing")
	return last.Error
}

// unchanged imports a folder that has nothing to load.
func (s casesSite) unchanged(t *testing.T, folder string) {
	t.Helper()
	last, r := s.importFolder(t, folder)
	require.Equal(t, []any{exitDone, importstore.StatusUnchanged}, []any{r.code, last.Status}, r.err)
	require.Positive(t, last.Warnings)
}

// corrected copies a folder with its files' names and text changed.
func corrected(t *testing.T, folder string, name, text func(string) string) string {
	t.Helper()
	to := t.TempDir()
	files, err := filepath.Glob(filepath.Join(folder, "*.csv"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, name(filepath.Base(file))), []byte(text(string(content))), 0o600))
	}
	return to
}

func same(text string) string { return text }

// isoDates writes 25/12/2011 as 2011-12-25.
func isoDates(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if day, rest, found := strings.Cut(line, ","); found && strings.Count(day, "/") == 2 {
			d := strings.Split(day, "/")
			lines[i] = d[2] + "-" + d[1] + "-" + d[0] + "," + rest
		}
	}
	return strings.Join(lines, "\n")
}

// The cases that are imports of files.
func TestCasesOfFiles(t *testing.T) {
	t.Parallel()
	cases := casesFolder(t)
	if cases == "" {
		return
	}
	_, s := start(t)
	for name, check := range map[string]func(t *testing.T, s casesSite, folder string){
		"csv-excel-dates": func(t *testing.T, s casesSite, folder string) {
			t.Helper()
			s.failsToLoad(t, folder)
			s.importsFolder(t, corrected(t, folder, same, isoDates), 6)
		},
		"csv-all-rows-out-of-range": func(t *testing.T, s casesSite, folder string) {
			t.Helper()
			require.Contains(t, s.failsToLoad(t, folder), "2015")
			s.importsFolder(t, corrected(t, folder, func(string) string { return "imported_visitors_20111225_20111230.csv" }, same), 6)
		},
		"csv-header-only": func(t *testing.T, s casesSite, folder string) {
			t.Helper()
			s.unchanged(t, folder)
			s.importsFolder(t, corrected(t, filepath.Join(cases, "csv-excel-dates"), same, isoDates), 6)
		},
		"csv-empty-exports": func(t *testing.T, s casesSite, folder string) {
			t.Helper()
			s.unchanged(t, filepath.Join(folder, "all-header-only"))
			s.unchanged(t, filepath.Join(folder, "epoch"))
			full, _ := s.importFolder(t, filepath.Join(folder, "then-full"))
			require.Equal(t, importstore.StatusCompleted, full.Status, full.Error)
			require.Positive(t, full.Loaded)
			half, _ := s.importFolder(t, filepath.Join(folder, "header-only"))
			require.Equal(t, importstore.StatusCompleted, half.Status, half.Error)
			require.Positive(t, half.Loaded)
			require.Positive(t, half.Warnings, "one file has no rows")
		},
		"csv-cut-in-last-number": func(t *testing.T, s casesSite, folder string) {
			t.Helper()
			last, r := s.importFolder(t, folder)
			if last.Status == importstore.StatusCompleted {
				require.Positive(t, last.Warnings, "it is not loaded silently")
				return
			}
			require.NotEqual(t, exitDone, r.code)
			require.NotEmpty(t, last.Error)
		},
		"csv-late-table": func(t *testing.T, s casesSite, folder string) {
			t.Helper()
			first, _ := s.importFolder(t, filepath.Join(folder, "B1"))
			require.Equal(t, importstore.StatusCompleted, first.Status, first.Error)
			second, _ := s.importFolder(t, filepath.Join(folder, "E-pages"))
			require.Equal(t, importstore.StatusCompleted, second.Status, second.Error)
			require.Positive(t, second.Loaded)
			_, again := s.importFolder(t, corrected(t, filepath.Join(folder, "B1"), same, func(text string) string {
				lines := strings.SplitAfter(text, "\n")
				return strings.Join(lines[:2], "")
			}))
			require.NotEqual(t, exitDone, again.code)
			require.Contains(t, again.out+again.err, "import "+strconv.FormatInt(first.ID, 10), "it names the import that has the days")
		},
		"csv-many-faults": func(t *testing.T, s casesSite, folder string) {
			t.Helper()
			folder = filepath.Join(folder, "M2")
			r := s.run(t, "import", "start", "csv", folder, "--site", s.domain, "--wait", "--output", "json")
			require.Equal(t, exitFailure, r.code)
			files, err := filepath.Glob(filepath.Join(folder, "*.csv"))
			require.NoError(t, err)
			require.Len(t, files, 10)
			for _, file := range files {
				require.Contains(t, r.out+r.err, filepath.Base(file), "all are reported")
			}
			r = s.run(t, "import", "start", "csv", folder, "--site", s.domain, "--wait")
			require.Equal(t, exitFailure, r.code)
			told := 0
			for _, file := range files {
				if strings.Contains(r.out+r.err, filepath.Base(file)) {
					told++
				}
			}
			if told < len(files) {
				require.Regexp(t, `and \d+ more`, r.out+r.err)
			}
		},
		"csv-sep-line":      taken(6),
		"csv-cr-only":       taken(6),
		"csv-backslash-zip": taken(0),
		"csv-name-with-1":   taken(6),
		"csv-old-headers":   oldHeaders,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			domain := name + ".example"
			s.ok(t, "site", "add", domain)
			check(t, casesSite{shell: s, domain: domain}, filepath.Join(cases, name))
		})
	}
}

// taken checks that a folder is loaded whole, or refused with a cause and a remedy. rows is
// how many it has, 0 if the test does not know.
func taken(rows int64) func(t *testing.T, s casesSite, folder string) {
	return func(t *testing.T, s casesSite, folder string) {
		t.Helper()
		last, r := s.importFolder(t, folder)
		if last.Status != importstore.StatusCompleted {
			require.Equal(t, exitFailure, r.code)
			require.Greater(t, len(last.Error), 60, "the cause and the remedy")
			return
		}
		require.Positive(t, last.Loaded)
		require.Zero(t, last.Rejected+last.OutOfRange)
		if rows > 0 {
			require.Equal(t, rows, last.Loaded)
		}
	}
}

func oldHeaders(t *testing.T, s casesSite, folder string) {
	t.Helper()
	for _, version := range []string{"spring2024", "winter2025", "future"} {
		s.domain = version + ".example"
		s.ok(t, "site", "add", s.domain)
		if version == "future" {
			require.Regexp(t, "(?i)unknown column", s.failsToLoad(t, filepath.Join(folder, version)))
			continue
		}
		last, r := s.importFolder(t, filepath.Join(folder, version))
		require.Equal(t, importstore.StatusCompleted, last.Status, r.err)
		require.Positive(t, last.Warnings, version)
		require.Zero(t, last.Rejected, version)
	}
}

// waitForJob waits until a job is in one of the states, and returns it.
func (s shell) waitForJob(t *testing.T, id string, within time.Duration, states ...string) (state, reason string) {
	t.Helper()
	polltest.Eventually(t, func() bool {
		var job struct {
			State string `json:"state"`
		}
		require.NoError(t, json.Unmarshal([]byte(s.ok(t, "job", "show", id, "--output", "json")), &job))
		state = job.State
		for _, want := range states {
			if state == want {
				return true
			}
		}
		return false
	}, within, pollDelivery, "the job is %s", state)
	return state, s.ok(t, "job", "show", id)
}
