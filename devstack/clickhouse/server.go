package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// killTime is how long queries that have been cancelled may take to end.
const killTime = 10 * time.Second

// Run serves the engine until ctx ends, and then stops: no new request is
// accepted, running queries may end within cfg.ShutdownGrace, the rest is
// cancelled. A process can run one engine at a time.
//
// It returns nil after ctx has ended and everything was stopped. It returns
// an error if the configuration is not valid, another process uses the data
// directory, the address is taken, the library cannot be loaded, or queries
// did not end even though they were cancelled.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("clickhouse config: %w", err)
	}
	cfg = cfg.withDefaults()
	// The engine resolves relative paths in more ways than one.
	if cfg.DataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockData(cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.unlock()) }()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	engine, err := openEngine(cfg)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	cfg.Logger.Info("clickhouse engine started",
		slog.String("address", listener.Addr().String()),
		slog.String("version", engine.version),
		slog.Int("max_connections", cfg.MaxConnections))
	err = serve(ctx, cfg, engine, listener)

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTime)
	defer cancel()
	err = errors.Join(err, engine.close(closing))
	cfg.Logger.Info("clickhouse engine stopped")
	return err
}

// serverKey finds the server's own context in that of a request.
type serverKey struct{}

// serverContext returns a context that ends when the server cancels what is
// still running, and not when the request's client goes away.
func serverContext(ctx context.Context) context.Context {
	if server, ok := ctx.Value(serverKey{}).(context.Context); ok {
		return server
	}
	return ctx
}

// serve answers requests on listener until ctx ends.
func serve(ctx context.Context, cfg Config, e *engine, listener net.Listener) error {
	// Queries live as long as running, which outlasts ctx by the grace.
	running, cancelAll := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelAll()
	running = context.WithValue(running, serverKey{}, running)
	srv := &http.Server{
		Handler:           newHandler(e, cfg.Logger),
		BaseContext:       func(net.Listener) context.Context { return running },
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	cfg.Ready(listener.Addr().String())

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(running, cfg.ShutdownGrace)
	defer cancel()
	err := srv.Shutdown(grace)
	if err != nil {
		cfg.Logger.Warn("cancelling queries that are still running")
		cancelAll()
		kill, cancel := context.WithTimeout(context.WithoutCancel(running), killTime)
		defer cancel()
		if err = srv.Shutdown(kill); err != nil {
			err = errors.Join(fmt.Errorf("shut down: %w", err), srv.Close())
		}
	}
	<-failed // http.ErrServerClosed, since we have closed it
	return err
}
