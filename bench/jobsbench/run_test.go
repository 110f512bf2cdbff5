package jobsbench

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/bench/program"
	"github.com/sluicehq/sluice/internal/enginetest"
)

// The benchmark runs itself as the processes that it needs: so do its tests.
func TestMain(m *testing.M) {
	program.Role("jobsbench", Roles())
	os.Exit(m.Run())
}

// All cases with all systems, on a small scale: nothing is lost, and everything is in the
// report.
func TestRun(t *testing.T) { //nolint:paralleltest // it sets variables of the environment
	t.Setenv("SLUICE_STORE_DSN", enginetest.StoreDSN(t))
	t.Setenv("TEMPORAL_NAMESPACE", enginetest.Namespace(t).Namespace)
	cfg := Config{
		Cases: Cases(), Systems: Systems(), Rate: 20, WarmUp: time.Second, Length: time.Second, Producers: 16,
		Burn: 60, LaneRate: 20, Patience: time.Minute,
	}
	var out, log bytes.Buffer
	require.NoError(t, Run(enginetest.Context(t), cfg, &out, &log), log.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var r Result
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &r))
	for _, name := range Systems() {
		require.Contains(t, log.String(), "isolation: "+name)
		require.Equal(t, 20, r.Latency[name].Delivered, name)
		require.Positive(t, r.Latency[name].Delay.P50, name)
		require.Equal(t, 60, r.Burn[name].Delivered, name)
		require.Positive(t, r.Burn[name].Used.Sum, name)
		// One of the ten hangs, and the nine get theirs.
		require.Equal(t, 18, r.Isolation[name].Well.Delivered, name)
		require.Equal(t, 18, r.Isolation[name].Hanging.Delivered, name)
	}
	require.Positive(t, r.Ratios["burn_down_jobs_per_second"][SystemRiverTuned])
}
