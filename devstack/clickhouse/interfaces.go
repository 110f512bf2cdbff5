package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/devstack/loopback"
)

// listeners are where the interfaces accept their clients.
type listeners struct {
	http   net.Listener
	native net.Listener // nil without that interface
}

// listen takes the addresses of cfg, all or none.
func listen(ctx context.Context, cfg Config) (l listeners, err error) {
	var config net.ListenConfig
	if l.http, err = config.Listen(ctx, "tcp", cfg.Address); err != nil {
		return l, fmt.Errorf("listen: %w", err)
	}
	if cfg.NativeAddress == "" {
		return l, nil
	}
	if l.native, err = config.Listen(ctx, "tcp", cfg.NativeAddress); err != nil {
		return l, errors.Join(fmt.Errorf("listen: %w", err), l.close())
	}
	return l, nil
}

// close gives the addresses free.
func (l listeners) close() error {
	err := l.http.Close()
	if l.native != nil {
		err = errors.Join(err, l.native.Close())
	}
	return err
}

// interfaces are the ones that are served.
type interfaces []interfaceServer

// shutdown shuts down all of them at the same time.
func (all interfaces) shutdown(ctx context.Context) error {
	var group errgroup.Group
	for _, i := range all {
		group.Go(func() error { return i.shutdown(ctx) })
	}
	return group.Wait()
}

// close ends all of them.
func (all interfaces) close() error {
	var errs []error
	for _, i := range all {
		errs = append(errs, i.close())
	}
	return errors.Join(errs...)
}

// httpServer is the HTTP interface.
type httpServer struct {
	*http.Server
	listener net.Listener
}

var (
	_ interfaceServer = (*httpServer)(nil)
	_ interfaceServer = (*nativeServer)(nil)
)

// newHTTPServer makes the server whose requests live as long as running.
func newHTTPServer(running context.Context, e *engine, logger *slog.Logger, listener net.Listener) *httpServer {
	running = context.WithValue(running, serverKey{}, running)
	return &httpServer{
		Server: &http.Server{
			Handler:           loopback.Handler(newHandler(e, logger)),
			BaseContext:       func(net.Listener) context.Context { return running },
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		},
		listener: listener,
	}
}

func (s *httpServer) serve(context.Context) error {
	if err := s.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func (s *httpServer) shutdown(ctx context.Context) error { return s.Shutdown(ctx) }

func (s *httpServer) close() error { return s.Close() }
