package jobsbench

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/bench/openloop"
)

func TestReport(t *testing.T) {
	t.Parallel()
	r := Result{
		Bench: "jobs",
		Latency: map[string]Latency{
			SystemSluice: {Jobs: 100, Delivered: 99, Delay: openloop.Spread{P50: 10, P99: 30, Max: 40}},
			SystemRiver:  {Jobs: 100, Delivered: 100, Delay: openloop.Spread{P50: 40, P99: 120, Max: 130}},
		},
		Burn: map[string]BurnDown{
			SystemSluice: {PerSecond: 3000, Seconds: 10}, SystemRiver: {PerSecond: 1000}, SystemRiverTuned: {PerSecond: 2000},
		},
	}
	var out bytes.Buffer
	require.NoError(t, report(&out, Config{Rate: 1000, Burn: 30000}, r))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var table []string
	for _, line := range lines {
		table = append(table, strings.Join(strings.Fields(line), " "))
	}
	require.Contains(t, table, "1000 jobs a second due to delivered, p99 30.0 ms 120.0 ms - 0.25 -")
	require.Contains(t, table, "30000 jobs have piled up jobs a second 3000 1000 2000 3.00 1.50")
	require.NotContains(t, out.String(), "destinations", "what was not measured is left out")

	var read Result
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &read))
	require.Equal(t, r.Latency, read.Latency)
	require.Equal(t, map[string]float64{SystemRiver: 0.25}, read.Ratios["latency_p99_ms"])
	require.Equal(t, map[string]float64{SystemRiver: 3, SystemRiverTuned: 1.5}, read.Ratios["burn_down_jobs_per_second"])
	require.NotContains(t, read.Ratios, "latency_doubles", "nothing is divided by 0")
}

func TestMissing(t *testing.T) {
	t.Parallel()
	l := Latency{Jobs: 10, Delivered: 10}
	r := Result{
		Latency: map[string]Latency{SystemSluice: l}, Burn: map[string]BurnDown{SystemRiver: {Jobs: 5, Delivered: 5}},
		Isolation: map[string]Isolation{SystemRiverTuned: {Well: l, Hanging: l}},
	}
	require.NoError(t, r.missing())
	l.Delivered = 9
	r.Latency[SystemSluice], r.Burn[SystemRiver] = l, BurnDown{Jobs: 5, Delivered: 4}
	r.Isolation[SystemRiverTuned] = Isolation{Well: l, Hanging: l}
	require.EqualError(t, r.missing(), "latency of sluice: 9 of 10 jobs were delivered in time\n"+
		"burn of river: 4 of 5 jobs were delivered in time\nisolation of river-tuned: 18 of 20 jobs were delivered in time")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	good := Config{
		Cases: Cases(), Systems: Systems(), Rate: 1, Length: 1e9, Producers: 1, Burn: 1, LaneRate: 1, Patience: 1e9,
	}
	require.NoError(t, good.Validate())
	err := Config{Cases: []string{"speed"}, Systems: []string{"rail"}, WarmUp: -1}.Validate()
	for _, want := range []string{
		`-cases names "speed": want some of [latency burn isolation]`,
		`-systems names "rail": want some of [sluice river river-tuned]`,
		"-rate is 0: want 1 or more", "-producers is 0", "-burn is 0", "-length is 0", "-lane-rate is 0",
		"-warm-up and -patience: want 0s and 1s or more",
	} {
		require.ErrorContains(t, err, want)
	}
}
