package apibench

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/bench/program"
	"github.com/sluicehq/sluice/internal/enginetest"
)

// The benchmark runs itself as the server: so do its tests.
func TestMain(m *testing.M) {
	program.Role("apibench", Roles())
	os.Exit(m.Run())
}

func small() Config {
	return Config{
		Cases: Cases(), Sites: 3, Imports: 200, Jobs: 2000, Days: 10, Connections: 2, Length: 200 * time.Millisecond,
		Subscribers: 5, Writers: 2, Runs: 1, WriteLength: 200 * time.Millisecond,
	}
}

// All cases, on a small scale: every question has an answer, and everything is in the report.
func TestRun(t *testing.T) { //nolint:paralleltest // it sets variables of the environment
	t.Setenv("SLUICE_STORE_DSN", enginetest.StoreDSN(t))
	t.Setenv("SLUICE_WAREHOUSE_DSN", enginetest.WarehouseDSN(t))
	t.Setenv("TEMPORAL_NAMESPACE", enginetest.Namespace(t).Namespace)
	cfg := small()
	cfg.Profile = t.TempDir()
	var out, log bytes.Buffer
	require.NoError(t, Run(enginetest.Context(t), cfg, &out, &log), log.String())
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	var r struct{ Lines []figures.Line }
	require.NoError(t, json.Unmarshal([]byte(rows[len(rows)-1]), &r))
	lines := map[string]int{}
	for _, l := range r.Lines {
		lines[l.Case]++
		if !strings.HasPrefix(l.Figure, "memory for") {
			require.Positive(t, l.Value, l)
		}
		// Few subscribers need no memory; a site is in ClickHouse.
		if !strings.HasPrefix(l.Figure, "a site:") && l.Case != CaseSubscribers {
			require.Positive(t, l.Reference, l)
		}
	}
	require.Equal(t, map[string]int{CaseAPI: 9 * 4, CasePages: 5 * 4, CaseSubscribers: 3, CaseNotify: 4}, lines)
	profile, err := os.Stat(cfg.Profile + "/" + roleServer + ".cpu")
	require.NoError(t, err)
	require.Positive(t, profile.Size())
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, small().Validate())
	cfg := small()
	cfg.Cases, cfg.Imports, cfg.Connections, cfg.Length = []string{"flood"}, 99, 0, 0
	err := cfg.Validate()
	require.ErrorContains(t, err, `-cases names "flood"`)
	require.ErrorContains(t, err, "-imports is 99: want 100 to 1000000")
	require.ErrorContains(t, err, "-connections is 0: want 1 to 256")
	require.ErrorContains(t, err, "-length and -write-length: want 100ms or more")
}

func TestRunOutsideAStack(t *testing.T) { //nolint:paralleltest // it sets variables of the environment
	t.Setenv("SLUICE_DEV_BIN", "")
	err := Run(t.Context(), small(), &bytes.Buffer{}, &bytes.Buffer{})
	require.ErrorContains(t, err, "run the benchmark by `make bench-api`")
}
