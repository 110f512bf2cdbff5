package ingestbench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/sluicehq/sluice/bench/program"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/internal/cli"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/server"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/worker"
)

// The roles in which the program runs itself.
const (
	roleNoop   = "noop"
	roleLog    = "eventlog"
	roleServer = "server"
	roleWorker = "worker"
)

// Roles returns the processes that the benchmark starts.
func Roles() program.Roles {
	return program.Roles{roleNoop: runNoop, roleLog: runLog, roleServer: runServer, roleWorker: runWorker}
}

// runNoop serves a handler that reads its request and answers as the server does.
func runNoop(ctx context.Context, address string) error {
	return program.Serve(ctx, address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if r.Method != http.MethodPost {
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "ok") //nolint:errcheck // the client may have disconnected
	}))
}

// runLog runs the event log of the settings, and answers once it runs.
func runLog(ctx context.Context, address string) (err error) {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	listen, err := settings.EventLog.EmbeddedAddress()
	if err != nil {
		return err
	}
	log, err := embedded.Start(embedded.Config{
		Dir: settings.EventLog.Dir, Listen: listen, Token: settings.EventLog.Token,
		SyncInterval: settings.EventLog.SyncInterval, Logger: wiring.Logger(settings.Log, os.Stderr),
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, log.Stop(ctx))
	}()
	return program.Serve(ctx, address, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

// runServer runs the server with the settings of the environment.
func runServer(ctx context.Context, address string) error {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	settings.Server.HealthListen = address
	return server.Run(ctx, server.Config{Settings: settings, Logger: wiring.Logger(settings.Log, os.Stderr)})
}

// runWorker runs the worker with the settings of the environment.
func runWorker(ctx context.Context, address string) error {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	settings.Worker.Listen = address
	logger := wiring.Logger(settings.Log, os.Stderr)
	options, err := starter.TemporalOptions(logger, os.Environ())
	if err != nil {
		return err
	}
	cfg := cli.WorkerConfig(settings, components.Stock(settings), options, logger)
	cfg.Migrate = true
	return worker.Run(ctx, cfg)
}

// stopTimeout bounds the end of a process.
const stopTimeout = 30 * time.Second
