package cli

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/worker"
)

func workerCommand() *cli.Command {
	return &cli.Command{
		Name: "worker", Usage: "run workflows and activities until stopped",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "migrate", Usage: "apply pending migrations first"},
			&cli.StringFlag{
				Name: "listen", Usage: "serve health, readiness and metrics on `ADDRESS`; off disables",
				DefaultText: configured("worker.listen", config.Default().Worker.Listen),
			},
			&cli.IntFlag{
				Name: "load-slots", Usage: "load `N` parts in parallel",
				DefaultText: configured("worker.load_slots", config.Default().Worker.LoadSlots),
			},
		},
		Action: runWorker,
		Subcommands: []*cli.Command{{
			Name: "healthcheck", Usage: "check that the local worker is ready",
			Action: withSession(checkWorker),
		}},
	}
}

func runWorker(c *cli.Context) error {
	settings, err := readSettings(c)
	if err != nil {
		return err
	}
	if c.IsSet("listen") {
		settings.Worker.Listen = c.String("listen")
	}
	if c.IsSet("load-slots") {
		settings.Worker.LoadSlots = c.Int("load-slots")
	}
	if err := settings.Validate(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	logger := wiring.Logger(settings.Log, c.App.ErrWriter)
	options, err := starter.TemporalOptions(logger, environ(c))
	if err != nil {
		return err
	}
	set, err := knownTo(c, settings)
	if err != nil {
		return err
	}
	begin(c)
	logger.Info("starting", "version", version.String())
	cfg := WorkerConfig(settings, set, options, logger)
	cfg.Migrate = c.Bool("migrate")
	return worker.Run(c.Context, cfg)
}

// WorkerConfig configures a worker that knows a set of components.
func WorkerConfig(
	settings config.Config, set components.Set, temporal client.Options, logger *slog.Logger,
) worker.Config {
	return worker.Config{
		Settings: settings, Registry: set.Importers, Connections: set.Kinds, Destinations: set.Destinations,
		Templates: set.Templates, Temporal: temporal, Logger: logger,
	}
}

// checkWorker is a health check for containers that have no HTTP client.
func checkWorker(ctx context.Context, s *session) error {
	return checkReady(ctx, s, "worker", "worker.listen", s.settings.Worker.Listen)
}
