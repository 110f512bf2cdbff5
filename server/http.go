package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"

	"golang.org/x/net/netutil"

	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/internal/probes"
	"github.com/sluicehq/sluice/server/api"
)

// Limits of a request's header.
const (
	// MaxHeaderBytes is the size of a header, in bytes.
	MaxHeaderBytes = 32 << 10
	// MaxHeaders is the number of its fields.
	MaxHeaders = 128
)

// routes returns the handler of server.listen.
func (s *Server) routes(events *eventapi.Handler) (http.Handler, error) {
	mux := http.NewServeMux()
	for _, route := range []string{"/api/event", "/api/events"} {
		mux.Handle(route, s.metrics.observe(route, s.bounded(events)))
	}
	if s.api != nil {
		handler, err := s.api.handler(s.metrics)
		if err != nil {
			return nil, err
		}
		shown, err := compressed(s.api.pages)
		if err != nil {
			return nil, err
		}
		for _, path := range []string{api.Prefix + "/", api.DocumentPath, api.DocsPath, api.DocsPath + "/"} {
			mux.Handle(path, handler)
		}
		mux.Handle("/api/", http.NotFoundHandler())
		mux.Handle("/", s.metrics.observe("pages", shown))
	}
	return limitHeaders(mux), nil
}

// httpServer returns the server of server.listen.
func (s *Server) httpServer() *http.Server {
	settings := s.cfg.Settings.Server
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: settings.HeaderTimeout, ReadTimeout: settings.HeaderTimeout + settings.ReadTimeout,
		WriteTimeout: settings.WriteTimeout, IdleTimeout: settings.IdleTimeout, MaxHeaderBytes: MaxHeaderBytes,
		ConnState: s.metrics.connection,
		// Its errors are faults of clients, and quote them.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
}

// limited bounds the connections of a listener; others wait in the queue of the system.
func (s *Server) limited(listener net.Listener) net.Listener {
	return netutil.LimitListener(listener, s.cfg.Settings.Server.MaxConnections)
}

// limitHeaders refuses a request with too many header fields. net/http bounds their bytes.
func limitHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fields := 0
		for _, values := range r.Header {
			fields += len(values)
		}
		if fields > MaxHeaders {
			w.Header().Set("Connection", "close")
			http.Error(w, "more than "+strconv.Itoa(MaxHeaders)+" header fields", http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveHealth answers on server.health_listen:
//
//	/healthz   200 as long as the process lives
//	/readyz    200 while it takes events, else 503 with what is missing
//	/metrics   Prometheus
//	/refdata   the reference data in use, in JSON
//
// It returns what stops it.
func (s *Server) serveHealth(ctx context.Context) (stop func() error, err error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.HandleFunc("GET "+RefdataPath, s.refdataStatus)
	return probes.Serve(ctx, "server.health_listen", s.cfg.Settings.Server.HealthListen, mux)
}
