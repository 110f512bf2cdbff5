package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/scaffold"
	"github.com/sluicehq/sluice/internal/scaffold/scaffoldtest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// A generated project, built as a module of its own outside the tree, imports with its importer
// and delivers with its destination: its worker and its command line know both.
func TestProject(t *testing.T) {
	t.Parallel()
	s := enginetest.NewSystem(t, importers.NewRegistry())
	site := s.AddSite(t, "example.com")
	p := newMine(t, s, buildProject(t))
	p.startWorker()

	file := filepath.Join(t.TempDir(), "totals.jsonl")
	lines := `{"date": "2024-01-30", "visitors": 12, "pageviews": 30}` + "\n" + `{"date": "2024-01-31", "visitors": 7, "pageviews": 8}` + "\n"
	require.NoError(t, os.WriteFile(file, []byte(lines), 0o600))
	args := []string{"import", "start", "daily_totals", "--site", site.Domain, "--args", fmt.Sprintf(`{"path": %q}`, file)}
	require.Contains(t, p.run(append(args, "--dry-run")...), "2024-01-30")
	p.run(append(args, "--wait")...)
	imports, err := s.Store.Imports.Summaries(enginetest.Context(t), importstore.Listing{Site: site.Domain, Limit: 10})
	require.NoError(t, err)
	require.Len(t, imports, 1)
	seen, err := s.Warehouse.VisibleSum(enginetest.Context(t), schema.Visitors, uint64(site.ID), uint64(imports[0].Import.ID), "visitors")
	require.NoError(t, err)
	require.Equal(t, []uint64{2, 19}, []uint64{seen.Rows, seen.Sum})

	crm := startCRM(t)
	p.run("connection", "add", "shop", "--kind", "shop_crm", "--set", "url="+crm.url, "--secret", "token=env:TOKEN")
	require.Contains(t, p.run("connection", "test", "shop"), "the other side answers")
	p.run("event", "send", "--source", "shop", "--name", "order", "--to", "shop_crm/send",
		"--data", `{"connection": "shop", "payload": {"order": 1}}`)
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		succeeded, err := s.Store.Deliveries.CountJobs(enginetest.Context(t), deliverystore.JobFilter{States: []string{deliverystore.JobSucceeded}})
		assert.NoError(collect, err)
		assert.EqualValues(collect, 1, succeeded)
	}, time.Minute, 50*time.Millisecond)
	require.Len(t, crm.posts(), 1)
	require.JSONEq(t, `{"order": 1}`, crm.posts()[0])
}

// buildProject generates a project and builds it with this checkout, and returns the path of the program.
func buildProject(t *testing.T) string {
	t.Helper()
	m := scaffoldtest.New(t, func(checkout string) ([]scaffold.File, error) {
		return scaffold.Project{Module: "example.com/team/mine", Replace: checkout}.Files()
	})
	m.Go("build", "-o", "bin/mine", ".")
	return filepath.Join(m.Dir, "bin", "mine")
}

// mine runs the program of a project on the databases of a test.
type mine struct {
	t       *testing.T
	program string
	environ []string
}

func newMine(t *testing.T, s *enginetest.System, program string) *mine {
	t.Helper()
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	environ := append(os.Environ(), s.Environ()...)
	return &mine{t: t, program: program, environ: append(environ,
		"TOKEN=right", "SLUICE_CONNECTIONS_KEYSET="+string(text), "SLUICE_CONNECTIONS_KEYSET_FILE=")}
}

func (m *mine) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(enginetest.Context(m.t), m.program, args...)
	cmd.Env = m.environ
	return cmd
}

// run runs a command that must succeed, and returns what it wrote.
func (m *mine) run(args ...string) string {
	m.t.Helper()
	out, err := m.command(args...).CombinedOutput()
	require.NoErrorf(m.t, err, "mine %s: %s", strings.Join(args, " "), out)
	return string(out)
}

// startWorker runs the worker to the end of the test.
func (m *mine) startWorker() {
	m.t.Helper()
	var log bytes.Buffer
	// It ends by a signal, not with a context.
	worker := exec.Command(m.program, "worker", "--migrate")
	worker.Env = m.environ
	worker.Stdout, worker.Stderr = &log, &log
	require.NoError(m.t, worker.Start())
	m.t.Cleanup(func() {
		require.NoError(m.t, worker.Process.Signal(syscall.SIGTERM))
		require.NoErrorf(m.t, worker.Wait(), "%s", &log)
	})
}

// crm is the other side of the destination.
type crm struct {
	url    string
	mu     sync.Mutex
	bodies map[string]string
}

func startCRM(t *testing.T) *crm {
	t.Helper()
	c := &crm{bodies: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != "Bearer right" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.bodies[r.Header.Get("Idempotency-Key")] = string(body)
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// posts returns the bodies of all jobs.
func (c *crm) posts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, body := range c.bodies {
		all = append(all, body)
	}
	return all
}
