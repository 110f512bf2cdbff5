package worker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uber-go/tally/v4"
	tallyprom "github.com/uber-go/tally/v4/prometheus"
	"go.temporal.io/sdk/client"
	sdktally "go.temporal.io/sdk/contrib/tally"
)

// temporalMetrics turns the Temporal SDK's metrics into Prometheus ones of the same
// registry, under the names that Temporal documents. close flushes them.
func temporalMetrics(
	registry *prometheus.Registry, fault func(error),
) (handler client.MetricsHandler, closeScope func() error) {
	reporter := tallyprom.NewReporter(tallyprom.Options{
		Registerer: registry, DefaultTimerType: tallyprom.HistogramTimerType, OnRegisterError: fault,
	})
	scope, closer := tally.NewRootScope(tally.ScopeOptions{
		CachedReporter:  reporter,
		Separator:       tallyprom.DefaultSeparator,
		SanitizeOptions: &sdktally.PrometheusSanitizeOptions,
		// Tally's own metrics would describe tally.
		OmitCardinalityMetrics: true,
	}, time.Second)
	return sdktally.NewMetricsHandler(sdktally.NewPrometheusNamingScope(scope)), closer.Close
}
