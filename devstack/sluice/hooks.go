// Package sluice adds Sluice itself to sluice-dev: its worker, its migrations and the
// demo.
package sluice

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/devstack/app"
	"github.com/sluicehq/sluice/internal/cli"
	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/worker"
)

// Hooks returns what sluice-dev does beyond running engines.
func Hooks() app.Hooks {
	return app.Hooks{Worker: runWorker, WorkerReady: workerReady, Demo: demo, Version: version.String()}
}

// runWorker runs the same worker as `sluice worker --migrate`, configured by the
// environment that the stack sets.
func runWorker(ctx context.Context) error {
	settings, err := config.Load(os.Getenv("SLUICE_CONFIG"), os.Environ())
	if err != nil {
		return err
	}
	logger := settings.Log.Logger(os.Stderr)
	options, err := starter.TemporalOptions(logger, os.Environ())
	if err != nil {
		return err
	}
	cfg := cli.WorkerConfig(settings, options, logger)
	cfg.Migrate = true
	return worker.Run(ctx, cfg)
}

// workerReady asks the worker whether it is at work.
func workerReady(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the worker is not ready: %s", response.Status)
	}
	return nil
}
