package walks

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

const module = "github.com/sluicehq/sluice/"

// traced are the packages whose executed files the walks list. Without the main package a program
// writes no coverage.
var traced = []string{
	"cmd/sluice", "internal/cli/...", "starter/...", "workflows/...", "activities/...", "importers/csv/...", "internal/loading",
	"store/...", "warehouse", "destinations", "destinations/webhook", "server", "ingest/...", "internal/ingesting/...",
}

// section is a walk: its heading in docs/architecture.md and the maximum number of files in its table.
type section struct {
	heading string
	most    int
}

var (
	importWalk = section{"### One import from the command line to its rows", 15}
	eventWalk  = section{"### One event from `event send` to the POST", 12}
	liveWalk   = section{"### One live event from its request to its row", 15}
	// alsoExecuted lists files by folder.
	alsoExecuted = section{heading: "### What else a walk executes"}
)

// The files that one import, one event and one live event execute are on the page: those of the walk in its table,
// all others in the list below.
func TestWalks(t *testing.T) {
	t.Parallel()
	p := build(t)
	t.Run("import", func(t *testing.T) {
		t.Parallel()
		requireWalk(t, importWalk, p.traceImport(t))
	})
	t.Run("event", func(t *testing.T) {
		t.Parallel()
		requireWalk(t, eventWalk, p.traceEvent(t))
	})
	t.Run("live event", func(t *testing.T) {
		t.Parallel()
		requireWalk(t, liveWalk, p.traceLive(t))
	})
}

func requireWalk(t *testing.T, s section, executed []string) {
	t.Helper()
	var walk, others []string
	for _, m := range step.FindAllStringSubmatch(s.text(t), -1) {
		walk = append(walk, m[1])
	}
	// A worker executes files of the other walks, too: its producers begin to poll, for instance.
	for _, m := range step.FindAllStringSubmatch(importWalk.text(t)+eventWalk.text(t)+liveWalk.text(t), -1) {
		others = append(others, m[1])
	}
	for _, m := range group.FindAllStringSubmatch(alsoExecuted.text(t), -1) {
		for _, file := range name.FindAllStringSubmatch(m[2], -1) {
			others = append(others, path.Join(m[1], file[1]))
		}
	}
	require.NotEmpty(t, walk)
	require.LessOrEqual(t, len(walk), s.most)
	for _, file := range walk {
		assert.Contains(t, executed, file, "%s: a file of the walk is not executed", s.heading)
	}
	for _, file := range executed {
		assert.True(t, slices.Contains(walk, file) || slices.Contains(others, file), "%s: the executed file %s is missing", s.heading, file)
	}
	for _, file := range others {
		assert.FileExists(t, filepath.Join("..", "..", filepath.FromSlash(file)), s.heading)
	}
}

var (
	step  = regexp.MustCompile("(?m)^\\d+\\. `([^`]+\\.go)`: .")
	group = regexp.MustCompile("(?m)^- `([^`]+)/`: (.+)$")
	name  = regexp.MustCompile("`([^`]+\\.go)`")
)

// text returns the section's text.
func (s section) text(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../architecture.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(page), s.heading+"\n")
	require.True(t, found, s.heading)
	if next := regexp.MustCompile(`(?m)^##`).FindStringIndex(text); next != nil {
		text = text[:next[0]]
	}
	return text
}

// build builds the program with coverage of the traced packages.
func build(t *testing.T) program {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sluice")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-cover", "-coverpkg="+module+strings.Join(traced, ","+module),
		"-o", file, "./cmd/sluice")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "go build: %s", out)
	return program{file}
}

// program is the path of the covered program.
type program struct{ file string }

// site is a system for processes of the covered program.
type site struct {
	t *testing.T
	*enginetest.System
	program
	environ []string
	// cover is where commands and processes write their coverage.
	cover string
}

func (p program) setup(t *testing.T) *site {
	t.Helper()
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	keyset, err := keys.JSON()
	require.NoError(t, err)
	s := &site{t: t, System: enginetest.NewSystem(t, importers.NewRegistry()), program: p, cover: t.TempDir()}
	s.AddSite(t, "example.com")
	s.environ = append(os.Environ(), s.Environ()...)
	s.environ = append(s.environ, "GOCOVERDIR="+s.cover, "SLUICE_CONNECTIONS_KEYSET="+string(keyset),
		"SLUICE_CONNECTIONS_KEYSET_FILE=",
		"SECRET=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "SLUICE_CONNECTIONS_ADDRESSES=webhook=loopback")
	return s
}

// run runs a command that must succeed. Untraced commands prepare a run.
func (s *site) run(traced bool, args ...string) {
	s.t.Helper()
	cmd := exec.CommandContext(enginetest.Context(s.t), s.file, args...)
	cmd.Env = s.environ
	if !traced {
		cmd.Env = append(slices.Clone(cmd.Env), "GOCOVERDIR="+s.t.TempDir())
	}
	out, err := cmd.CombinedOutput()
	require.NoErrorf(s.t, err, "sluice %s: %s", strings.Join(args, " "), out)
}

// during runs a process of the program during work.
func (s *site) during(work func(), args ...string) {
	s.t.Helper()
	var log bytes.Buffer
	// It ends by a signal: a process that is killed writes no coverage.
	process := exec.Command(s.file, args...)
	process.Env, process.Stdout, process.Stderr = s.environ, &log, &log
	require.NoError(s.t, process.Start())
	ended := false
	s.t.Cleanup(func() {
		if !ended {
			assert.NoError(s.t, process.Process.Kill())
			assert.ErrorContains(s.t, process.Wait(), "killed")
			s.t.Logf("sluice %s: %s", strings.Join(args, " "), &log)
		}
	})
	work()
	require.NoError(s.t, process.Process.Signal(syscall.SIGTERM))
	ended = true
	require.NoErrorf(s.t, process.Wait(), "%s", &log)
}

// executed returns the files of which statements were executed.
func (s *site) executed() []string {
	s.t.Helper()
	profile := filepath.Join(s.t.TempDir(), "profile")
	out, err := exec.CommandContext(s.t.Context(), "go", "tool", "covdata", "textfmt", "-i="+s.cover, "-o="+profile).CombinedOutput()
	require.NoErrorf(s.t, err, "go tool covdata: %s", out)
	text, err := os.ReadFile(profile)
	require.NoError(s.t, err)
	var files []string
	for line := range strings.Lines(string(text)) {
		// A line is FILE:FROM,TO STATEMENTS COUNT.
		file, rest, found := strings.Cut(strings.TrimPrefix(line, module), ":")
		if found && file != "mode" && !strings.HasSuffix(rest, " 0\n") {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

func (p program) traceImport(t *testing.T) []string {
	t.Helper()
	s := p.setup(t)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "imported_visitors_20230101_20230102.csv"), []byte(
		"date,visitors,pageviews,bounces,visits,visit_duration\n2023-01-01,1,2,0,1,10\n2023-01-02,2,3,1,2,20\n"), 0o600))
	s.during(func() {
		s.run(true, "import", "start", "csv", folder, "--site", "example.com", "--wait")
	}, "worker")
	return s.executed()
}

func (p program) traceEvent(t *testing.T) []string {
	t.Helper()
	s := p.setup(t)
	bodies := make(chan string, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		bodies <- string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(endpoint.Close)
	s.run(false, "connection", "add", "shop", "--kind", "webhook", "--set", "url="+endpoint.URL,
		"--secret", "signing_secret=env:SECRET")
	s.during(func() {
		s.run(true, "event", "send", "--source", "shop", "--name", "order", "--to", "webhook/post",
			"--data", `{"connection": "shop", "type": "order", "data": {"order": 1}}`)
		ctx, cancel := context.WithTimeout(enginetest.Context(t), time.Minute)
		defer cancel()
		select {
		case body := <-bodies:
			require.Contains(t, body, `"order"`)
		case <-ctx.Done():
			require.NoError(t, ctx.Err())
		}
		require.EventuallyWithT(t, func(collect *assert.CollectT) {
			n, err := s.Store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{States: []string{deliverystore.JobSucceeded}})
			assert.NoError(collect, err)
			assert.EqualValues(collect, 1, n)
		}, time.Minute, 50*time.Millisecond)
	}, "worker")
	return s.executed()
}
