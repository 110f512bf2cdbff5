package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/probes"
)

// readyTimeout bounds the answer of a dependency.
const readyTimeout = 3 * time.Second

// ready answers /readyz: 503 while events cannot be taken. Without the store the server takes them from
// memory for a while; that is said, and no reason to send visitors elsewhere.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	events := s.serving.Load()
	if events == nil {
		probes.Answer(w, http.StatusServiceUnavailable, "the server is starting or stopping")
		return
	}
	if err := events.Ping(ctx); err != nil {
		probes.Answer(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	if _, err := s.sites.Site(ctx, ""); errors.Is(err, ingesting.ErrStale) {
		probes.Answer(w, http.StatusServiceUnavailable, errors.Join(err, s.store.Ping(ctx)).Error())
		return
	}
	if err := s.store.Ping(ctx); err != nil {
		probes.Answer(w, http.StatusOK, "ok, from memory: "+err.Error())
		return
	}
	probes.Answer(w, http.StatusOK, "ok")
}
