package worker_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/worker"
)

// scrape reads a worker's metrics as Prometheus does.
func scrape(t *testing.T, address string) map[string]*dto.MetricFamily {
	t.Helper()
	status, text := get(t, address, "/metrics")
	require.Equal(t, http.StatusOK, status)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(t, err)
	return families
}

// labelNames are the labels that a metric may have. None of them grows with what is
// imported: no site, no import, no workflow ID, no file.
var labelNames = []string{
	"source", "table", "version", "quantile", "destination", "action", "state", "connection", "sync",
	"namespace", "task_queue", "activity_type", "workflow_type", "worker_type", "poller_type", "client_name",
	"partition", "operation", "failure_reason", "status_code", "query_type", "update_name",
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	address := listentest.FreeAddress(t)
	s.Tune = func(cfg *worker.Config) { cfg.Settings.Worker.Listen = address }
	s.StartWorker(t)
	requireReady(t, address, http.StatusOK)
	settings := s.Settings.Import
	settings.ChunkRows = 25
	one := func(day string) {
		imp := s.Start(t, starter.Request{
			Site: "example.com", Source: "noop", Settings: &settings,
			Args: json.RawMessage(`{"rows": 100, "bad_rows": 3, "start_date": "` + day + `", "end_date": "` + day + `"}`),
		})
		require.Equal(t, importstore.StatusCompleted, s.Wait(t, imp.ID).Import.Status)
	}
	one("2021-01-01")
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		_, err := s.Store.Deliveries.NoteEvidence(enginetest.Context(t), "ops", deliverystore.Evidence{Failed: []string{id}, Reason: "x"}, deliverystore.CircuitRule{})
		require.NoError(t, err)
	}
	_, err := syncstore.New(s.Store.Store).Create(enginetest.Context(t), syncstore.NewSync{
		Name: "news", FromKind: "mailchimp", FromConnection: "mc", ListID: "a", ToKind: "ometria", ToConnection: "om",
		Every: time.Hour, Settings: json.RawMessage(`{}`),
	})
	require.NoError(t, err)
	before := scrape(t, address)
	for name, most := range map[string]float64{"sluice_sync_age_seconds": 60, "sluice_sync_late": 0, "sluice_sync_rejects": 0} {
		require.Len(t, before[name].GetMetric(), 1)
		require.InDelta(t, 0, before[name].GetMetric()[0].GetGauge().GetValue(), most, name)
		require.Equal(t, "news", before[name].GetMetric()[0].GetLabel()[0].GetValue())
	}
	for name, want := range map[string]float64{
		"sluice_rows_loaded_total": 97, "sluice_rows_rejected_total": 3, "sluice_chunks_loaded_total": 4,
	} {
		family := before[name]
		require.NotNil(t, family, name)
		require.NotEmpty(t, family.GetHelp())
		require.Len(t, family.GetMetric(), 1)
		require.InDelta(t, want, family.GetMetric()[0].GetCounter().GetValue(), 0, name)
		require.Equal(t, "noop", family.GetMetric()[0].GetLabel()[0].GetValue())
		require.Equal(t, "imported_visitors", family.GetMetric()[0].GetLabel()[1].GetValue())
	}
	for name, want := range map[string]float64{"sluice_connection_circuit_open": 1, "sluice_connection_failures": 5} {
		require.Len(t, before[name].GetMetric(), 1)
		require.InDelta(t, want, before[name].GetMetric()[0].GetGauge().GetValue(), 0, name)
		require.Equal(t, "ops", before[name].GetMetric()[0].GetLabel()[0].GetValue())
	}
	// The client's metrics are passed on every second.
	wanted := []string{
		"temporal_activity_execution_latency_seconds", "temporal_workflow_completed_total",
		"temporal_worker_task_slots_available", "temporal_request_total", "go_goroutines", "process_resident_memory_bytes",
	}
	polltest.Until(t, func(c *polltest.Check) {
		before = scrape(t, address)
		require.Subset(c, familyNames(before), wanted)
	}, time.Minute, 100*time.Millisecond)
	for name, family := range before {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				require.Contains(t, labelNames, label.GetName(), name)
				require.NotContains(t, label.GetValue(), "example.com", name)
			}
		}
	}

	// The third import adds no series that the second has not.
	one("2021-01-02")
	second := series(scrape(t, address))
	one("2021-01-03")
	require.LessOrEqual(t, series(scrape(t, address)), second+5, "but for what chance adds")
	require.Less(t, second, 2000)
}

func familyNames(families map[string]*dto.MetricFamily) []string {
	names := make([]string, 0, len(families))
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func series(families map[string]*dto.MetricFamily) (n int) {
	for _, family := range families {
		n += len(family.GetMetric())
	}
	return n
}
