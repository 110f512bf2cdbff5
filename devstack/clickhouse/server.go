package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	listeners, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	engine, err := openEngine(cfg)
	if err != nil {
		return errors.Join(err, listeners.close())
	}
	cfg.Logger.Info("clickhouse engine started",
		slog.String("address", listeners.http.Addr().String()),
		slog.String("native_address", cfg.NativeAddress),
		slog.String("version", engine.version),
		slog.Int("max_connections", cfg.MaxConnections))
	err = serve(ctx, cfg, engine, listeners)

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

// interfaceServer is one of the engine's interfaces.
type interfaceServer interface {
	// serve answers until shutdown or close, and then returns nil. Queries end
	// with running.
	serve(running context.Context) error
	// shutdown ends the interface once its queries have ended. It returns the
	// error of ctx if that ends before.
	shutdown(ctx context.Context) error
	// close ends the interface at once.
	close() error
}

// serve answers on listeners until ctx ends.
func serve(ctx context.Context, cfg Config, e *engine, listeners listeners) error {
	// Queries live as long as running, which outlasts ctx by the grace.
	running, cancelAll := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelAll()
	all := interfaces{newHTTPServer(running, e, cfg.Logger, listeners.http)}
	if listeners.native != nil {
		all = append(all, newNativeServer(e, cfg.Logger, listeners.native))
	}
	failed := make(chan error, len(all))
	for _, i := range all {
		go func() { failed <- i.serve(running) }()
	}
	if listeners.native != nil {
		cfg.NativeReady(listeners.native.Addr().String())
	}
	cfg.Ready(listeners.http.Addr().String())

	serving := len(all)
	var err error
	select {
	case err = <-failed:
		serving--
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(running), cfg.ShutdownGrace)
	defer cancel()
	if all.shutdown(grace) != nil {
		cfg.Logger.Warn("cancelling queries that are still running")
		cancelAll()
		kill, cancel := context.WithTimeout(context.WithoutCancel(running), killTime)
		defer cancel()
		if killErr := all.shutdown(kill); killErr != nil {
			err = errors.Join(err, fmt.Errorf("shut down: %w", killErr), all.close())
		}
	}
	for range serving {
		err = errors.Join(err, <-failed)
	}
	return err
}
