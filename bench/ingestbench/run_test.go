package ingestbench

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/bench/program"
	"github.com/sluicehq/sluice/internal/enginetest"
)

// The benchmark runs itself as the processes that it needs: so do its tests.
func TestMain(m *testing.M) {
	program.Role("ingestbench", Roles())
	os.Exit(m.Run())
}

func small() Config {
	return Config{
		Cases: Cases(), Connections: 4, Batch: 10, Runs: 1, Length: time.Second, Rate: 100, Senders: 16,
		WarmUp: time.Second, Events: 2000, Visitors: 100, Away: 2 * time.Second, Patience: 2 * time.Minute,
	}
}

// All cases, on a small scale: nothing is lost, and everything is in the report.
func TestRun(t *testing.T) { //nolint:paralleltest // it sets variables of the environment
	t.Setenv("SLUICE_STORE_DSN", enginetest.StoreDSN(t))
	t.Setenv("TEMPORAL_NAMESPACE", enginetest.Namespace(t).Namespace)
	cfg := small()
	cfg.Dir, cfg.Profile = t.TempDir(), t.TempDir()
	var out, log bytes.Buffer
	require.NoError(t, Run(enginetest.Context(t), cfg, &out, &log), log.String())
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	var r struct{ Lines []line }
	require.NoError(t, json.Unmarshal([]byte(rows[len(rows)-1]), &r))
	var stored []string
	for _, l := range r.Lines {
		if l.Figure == "events stored" {
			require.True(t, l.Met, l)
			require.Positive(t, l.Value, l)
			stored = append(stored, l.Case)
		}
	}
	require.ElementsMatch(t, Cases(), stored)
	at := slices.IndexFunc(r.Lines, func(l line) bool { return l.Case == CaseMemory && strings.HasSuffix(l.Figure, "stored") })
	require.InDelta(t, float64(cfg.Events), r.Lines[at].Value, 0)
	for _, role := range []string{roleServer, roleWorker} {
		profile, err := os.Stat(cfg.Profile + "/" + role + ".cpu")
		require.NoError(t, err)
		require.Positive(t, profile.Size())
	}
	left, err := os.ReadDir(cfg.Dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, small().Validate())
	cfg := small()
	cfg.Cases, cfg.Batch, cfg.Rate, cfg.Away = []string{"flood"}, 10_001, 0, 0
	err := cfg.Validate()
	require.ErrorContains(t, err, `-cases names "flood"`)
	require.ErrorContains(t, err, "-batch is 10001: want 1 to 10000")
	require.ErrorContains(t, err, "-rate is 0")
	require.ErrorContains(t, err, "-length, -away, -patience and -warm-up")
}

func TestRunOutsideAStack(t *testing.T) { //nolint:paralleltest // it sets variables of the environment
	t.Setenv("SLUICE_DEV_BIN", "")
	err := Run(t.Context(), small(), &bytes.Buffer{}, &bytes.Buffer{})
	require.ErrorContains(t, err, "run the benchmark by `make bench-ingest`")
}
