package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
)

const planted = "hunter2-S3cret"

// TestNothingRuns: without a running stack the error names the missing server, and
// what would start it.
func TestNothingRuns(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"site list", "site add a.com", "import list", "import show 1", "import parts 1", "import logs 1 -f", "import rejects 1",
		"import cancel 1", "import delete 1", "import retry-part 1 0", "import skip-part 1 0 --reason x",
		"import start noop --site a.com", "migrate up", "migrate status",
		"connection list", "connection show a", "connection test a", "connection rotate --all", "connection remove a",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			s := offline()
			s.environ = append(s.environ, "SLUICE_STORE_DSN=postgres://u:"+planted+"@127.0.0.1:1/d")
			r := s.run(t, strings.Fields(line)...)
			require.Equal(t, exitUnavailable, r.code)
			require.Empty(t, r.out)
			require.True(t, strings.HasPrefix(r.err, "sluice: reach the store: "), r.err)
			require.Contains(t, r.err, "127.0.0.1:1 ")
			require.Contains(t, r.err, "connection refused")
			require.True(t, strings.HasSuffix(r.err,
				"\nIs the stack running? Start it on this machine with `sluice-dev up`, or set SLUICE_STORE_DSN\n"), r.err)
			require.NotContains(t, r.err, planted)
		})
	}
}

func TestOneEngineIsMissing(t *testing.T) {
	t.Parallel()
	store := "SLUICE_STORE_DSN=" + enginetest.StoreDSN(t)
	s := offline()
	s.environ = append(s.environ, store)

	r := s.run(t, "migrate", "status")
	require.Equal(t, exitUnavailable, r.code)
	require.Contains(t, r.err, "sluice: reach the warehouse: ")
	require.Contains(t, r.err, "\nIs the stack running? Start it on this machine with `sluice-dev up`, or set SLUICE_WAREHOUSE_DSN\n")

	r = s.run(t, "import", "cancel", "1")
	require.Equal(t, exitUnavailable, r.code)
	require.Contains(t, r.err, "sluice: connect to Temporal at 127.0.0.1:1: ")
	require.Contains(t, r.err, "\nTemporal does not answer. Start it on this machine with `sluice-dev up`, or set TEMPORAL_ADDRESS.\n")
	require.NotContains(t, r.err, "Is the stack running?")
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	s := shell{environ: []string{"SLUICE_IMPORT_PARALLELISM=0", "SLUICE_LOG_FORMAT=xml"}}
	s.fails(t, "configuration: import.parallelism is 0: want 1 to 64\nlog.format is \"xml\": want text or json", "site", "list")

	path := filepath.Join(t.TempDir(), "sluice.yaml")
	require.NoError(t, os.WriteFile(path, []byte("store:\n  dns: "+planted), 0o600))
	want := path + `:2:3: store has no setting "dns": its settings are dsn, max_conns`
	shell{environ: []string{"SLUICE_CONFIG=" + path}}.fails(t, want, "site", "list")
	shell{environ: []string{"SLUICE_CONFIG=/nope"}}.fails(t, want, "site", "list", "--config", path)

	s = shell{environ: []string{"SLUICE_STORE_DSN=nonsense " + planted}}
	s.fails(t, "the store's DSN is not a PostgreSQL connection string: want postgres://user:password@host:port/database", "site", "list")
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	ready := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || !ready {
			http.Error(w, "reach the store: gone", http.StatusServiceUnavailable)
			return
		}
	}))
	t.Cleanup(server.Close)
	s := shell{environ: []string{"SLUICE_WORKER_LISTEN=" + strings.TrimPrefix(server.URL, "http://")}}
	require.Equal(t, "ready\n", s.ok(t, "worker", "healthcheck"))
	ready = false
	s.fails(t, "the worker is not ready: reach the store: gone", "worker", "healthcheck")

	s = shell{environ: []string{"SLUICE_WORKER_LISTEN=off"}}
	s.fails(t, "worker.listen is off: the health check needs an address", "worker", "healthcheck")
	r := shell{environ: []string{"SLUICE_WORKER_LISTEN=127.0.0.1:1"}}.run(t, "worker", "healthcheck")
	require.Equal(t, exitUnavailable, r.code)
	require.Contains(t, r.err, "sluice: connect to the worker: ")
}
