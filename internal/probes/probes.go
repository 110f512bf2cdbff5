// Package probes serves what a process says of its health, readiness and metrics.
package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Bounds of a request's header and of a stop.
const (
	headerTimeout = 5 * time.Second
	stopTimeout   = 5 * time.Second
)

// Serve serves a handler on an address until stop is called; the address "off" serves nothing. Serve adds /healthz,
// which answers 200 as long as the process lives. setting is the name of the address in errors.
func Serve(ctx context.Context, setting, address string, handler *http.ServeMux) (stop func() error, err error) {
	if address == "off" {
		return func() error { return nil }, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for health and metrics on %s (%s; \"off\" does without): %w", address, setting, err)
	}
	handler.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { Answer(w, http.StatusOK, "ok") })
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return func() error {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := server.Shutdown(stopping)
		if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
		return err
	}, nil
}

// Answer answers a probe with a line of text.
func Answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// The client may have disconnected.
	_, _ = w.Write([]byte(text + "\n")) //nolint:errcheck // see above
}
