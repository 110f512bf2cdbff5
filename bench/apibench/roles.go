package apibench

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluicehq/sluice/bench/program"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/server"
)

// roleServer is the role in which the program runs itself as the server.
const roleServer = "server"

// Roles returns the process that the benchmark starts.
func Roles() program.Roles { return program.Roles{roleServer: runServer} }

// runServer runs the server with the settings of the environment, as `sluice server --embedded-log` does.
func runServer(ctx context.Context, health string) error {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	settings.Server.HealthListen = health
	return server.Run(ctx, server.Config{
		Settings: settings, EmbeddedLog: true, Components: components.Stock(settings), Environ: os.Environ(),
		Logger: wiring.Logger(settings.Log, os.Stderr),
	})
}

// startServer runs this program as the server, and waits until it is ready.
func (b *bench) startServer(ctx context.Context) (err error) {
	if b.address, err = workerprocess.FreeAddress(ctx); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "sluice-bench-"); err != nil {
		return err
	}
	events, err := workerprocess.FreeAddress(ctx)
	if err != nil {
		return err
	}
	environ := []string{
		"SLUICE_SERVER_LISTEN=" + b.address, "SLUICE_SERVER_STOP_DELAY=0s",
		"SLUICE_SERVER_UPLOAD_DIR=" + filepath.Join(b.dir, "uploads"), "SLUICE_EVENTLOG_URL=nats://" + events,
		"SLUICE_EVENTLOG_TOKEN=" + rand.Text(), "SLUICE_EVENTLOG_TOKEN_FILE=", "SLUICE_EVENTLOG_CREDENTIALS=",
		"SLUICE_EVENTLOG_DIR=" + filepath.Join(b.dir, "eventlog"),
		fmt.Sprintf("SLUICE_SERVER_MAX_STREAMS=%d", max(b.cfg.Subscribers, 1)), program.ProfileIn(b.cfg.Profile),
	}
	if b.server, err = workerprocess.StartSelf(ctx, environ, roleServer); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	return nil
}
