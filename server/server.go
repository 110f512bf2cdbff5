// Package server builds and runs the process that takes events over HTTP, stores them in the event log, and serves the
// REST API.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/faults"
	"github.com/sluicehq/sluice/internal/ingesting"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// Config is what a server needs.
type Config struct {
	// Settings are the process's settings. Required.
	Settings config.Config
	// EmbeddedLog hosts the event log in this process, at the address of eventlog.url, for this server and
	// the workers of the machine. Otherwise the log is a NATS server or cluster.
	EmbeddedLog bool
	// Components are what the program knows. Without importers the server has no REST API.
	Components components.Set
	// Environ is the environment as KEY=value. It configures the client of Temporal.
	Environ []string
	// SetupLink shows the address of the page that creates the first administrator, when the server starts without any
	// account and does not sign in people on this machine. The address has a secret and must not be logged. Nil
	// creates none.
	SetupLink func(address string) error
	// Logger is required.
	Logger *slog.Logger
}

// Validate returns every fault of the configuration.
func (c Config) Validate() error {
	var f faults.Faults
	f.Add(c.Settings.Validate())
	f.Check(c.Logger != nil, "logger is missing")
	if c.EmbeddedLog {
		_, err := c.Settings.EventLog.EmbeddedAddress()
		f.Add(err)
	} else {
		f.Check(c.Settings.EventLog.URL != "", "eventlog.url is empty: want the address of NATS, such as "+
			"nats://127.0.0.1:4222; with --embedded-log the server hosts the event log there itself")
	}
	return f.Err()
}

// Server takes events.
type Server struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	// serving is the event log while the server takes events.
	serving atomic.Pointer[eventlog.Log]
	store   *dispatchstore.Store
	// hosted is the embedded event log, or nil.
	hosted *embedded.Server
	events *eventlog.Log
	// data is the reference data once it is loaded.
	data atomic.Pointer[refdata.Store]
	// sites are the sites in memory.
	sites *ingesting.Sites
	// api is the REST API, or nil.
	api *restAPI
	// handler serves server.listen.
	handler http.Handler
	// background are the loops that keep the pipeline current.
	background []func(context.Context) error
}

// gcPercent is how much the heap grows between two collections, unless GOGC says otherwise. What lives long, reference
// data and sites, is some tens of MiB, and a request leaves nothing: with Go's 100, a busy server would collect several
// times a second.
const gcPercent = 300

// Run serves until ctx ends, then stops gracefully: its readiness fails, after server.stop_delay it takes
// no more requests, and those that are running get their answers. It waits at its start for a store and an
// event log that are not there yet, as long as server.start_timeout says.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	}
	s := &Server{cfg: cfg, log: cfg.Logger, metrics: newMetrics()}
	stopHealth, err := s.serveHealth(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopHealth()) }()
	defer func() { err = errors.Join(err, s.disconnect(ctx)) }()
	if err := s.connect(ctx); err != nil {
		if ctx.Err() != nil {
			// Told to stop while it was still waiting: that is no fault.
			return nil
		}
		return err
	}
	return s.serve(ctx)
}

// serve takes requests until ctx ends.
func (s *Server) serve(ctx context.Context) error {
	settings := s.cfg.Settings.Server
	// The loops outlast the requests that need them.
	loops, end := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer end()
	ended := make(chan error, len(s.background))
	for _, loop := range s.background {
		running.Go(func() { ended <- loop(loops) })
	}
	select {
	case <-s.sites.Ready():
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", settings.Listen)
	if err != nil {
		return fmt.Errorf("listen for events on %s (server.listen): %w", settings.Listen, err)
	}
	server := s.httpServer()
	if s.api != nil {
		// Streams would keep the server from stopping.
		server.RegisterOnShutdown(s.api.EndStreams)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.limited(listener)) }()
	s.serving.Store(s.events)
	s.log.Info("server started", "listen", listener.Addr().String(), "log_id", s.events.ID(),
		"partitions", s.events.Partitions())
	s.announceSignIn(ctx, listener.Addr().String())
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case err := <-ended:
		if err == nil {
			err = errors.New("a loop of the server has ended")
		}
		return errors.Join(err, s.stop(ctx, server, served))
	case <-ctx.Done():
		s.serving.Store(nil)
		s.log.Info("server stopping", "in", settings.StopDelay)
		return errors.Join(s.delay(served), s.stop(ctx, server, served))
	}
}

// delay waits for load balancers to notice that the readiness has failed.
func (s *Server) delay(served <-chan error) error {
	timer := time.NewTimer(s.cfg.Settings.Server.StopDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	}
}

// stop answers the running requests.
func (s *Server) stop(ctx context.Context, server *http.Server, served <-chan error) error {
	s.serving.Store(nil)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Settings.Server.StopTimeout)
	defer cancel()
	err := server.Shutdown(stopping)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests have not ended after %s: %w", s.cfg.Settings.Server.StopTimeout, err),
			server.Close())
	}
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}
