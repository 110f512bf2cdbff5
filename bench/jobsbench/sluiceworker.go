package jobsbench

import (
	"context"
	"log/slog"
	"os"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/internal/cli"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/worker"
)

// laneWebhook is the destination webhook under the name of a lane: with a task queue, a
// circuit breaker and limits of its own.
type laneWebhook struct {
	destinations.Destination
	name string
}

// Name is the lane's.
func (l laneWebhook) Name() string { return l.name }

// laneDestination is the name of a lane's destination.
func laneDestination(lane string) string { return "bench_" + lane }

// registry has the destinations of the program sluice, and one for each lane.
func registry() *destinations.Registry {
	all := components.Stock(config.Config{Connections: config.Connections{Addresses: "webhook=loopback"}}).Destinations
	for no := range int64(lanes) {
		all.Register(laneWebhook{Destination: webhook.New(outbound.Loopback()), name: laneDestination(laneOf(no))})
	}
	return all
}

// runSluiceWorker runs the worker of the program sluice, which knows the lanes besides, with
// the settings of the environment.
func runSluiceWorker(ctx context.Context, address string) error {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	settings.Worker.Listen = address
	logger := wiring.Logger(settings.Log, os.Stderr)
	options, err := starter.TemporalOptions(logger.With(slog.String("process", roleSluiceWorker)), os.Environ())
	if err != nil {
		return err
	}
	set := components.Stock(settings)
	set.Destinations = registry()
	cfg := cli.WorkerConfig(settings, set, options, logger)
	cfg.Migrate = true
	return worker.Run(ctx, cfg)
}
