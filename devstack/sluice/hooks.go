// Package sluice adds Sluice itself to sluice-dev: its worker, its migrations and the
// demo.
package sluice

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/sluicehq/sluice/app"
	devstack "github.com/sluicehq/sluice/devstack/app"
	"github.com/sluicehq/sluice/internal/version"
)

// Hooks returns what sluice-dev does beyond running engines.
func Hooks() devstack.Hooks {
	return devstack.Hooks{Worker: runWorker, WorkerReady: workerReady, Demo: demo, Version: version.String()}
}

// runWorker runs `sluice worker --migrate` in the environment that the stack sets.
func runWorker(ctx context.Context) error {
	program, err := app.New()
	if err != nil {
		return err
	}
	streams := app.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	if code := program.Run(ctx, []string{"worker", "--migrate"}, streams); code != 0 {
		return fmt.Errorf("the worker ended with exit code %d", code)
	}
	return nil
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
