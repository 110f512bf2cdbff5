package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/internal/probes"
)

// health is what the worker knows of itself.
type health struct {
	mu       sync.Mutex
	ready    bool
	temporal error
	// log is the event log while events are written, events the error while they are not. Both
	// are nil without an event log.
	log    *eventlog.Log
	events error
}

// errOpening says that the event log has not answered yet.
var errOpening = errors.New("opening the event log")

func (h *health) setReady(ready bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready = ready
}

func (h *health) setTemporal(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.temporal = err
}

func (h *health) state() (ready bool, temporal error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ready, h.temporal
}

func (h *health) setEvents(log *eventlog.Log, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log, h.events = log, err
}

// unwritten says why events are not written, or nil.
func (h *health) unwritten(ctx context.Context) error {
	h.mu.Lock()
	log, err := h.log, h.events
	h.mu.Unlock()
	if log == nil {
		return err
	}
	return log.Ping(ctx)
}

// serve answers on worker.listen:
//
//	/healthz   200 as long as the process lives
//	/readyz    200 while it polls and reaches its databases, Temporal and the event log, else 503
//	/metrics   Prometheus
//
// It returns what stops it.
func (w *Worker) serve(ctx context.Context) (stop func() error, err error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, r *http.Request) {
		if err := w.unready(r.Context()); err != nil {
			probes.Answer(rw, http.StatusServiceUnavailable, err.Error())
			return
		}
		probes.Answer(rw, http.StatusOK, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.metrics.registry, promhttp.HandlerOpts{}))
	return probes.Serve(ctx, "worker.listen", w.cfg.Settings.Worker.Listen, mux)
}

// unready says why the worker cannot work, or nil.
func (w *Worker) unready(ctx context.Context) error {
	ready, temporal := w.health.state()
	if !ready {
		return errors.New("the worker is starting or stopping")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if temporal != nil {
		temporal = fmt.Errorf("reach temporal: %w", temporal)
	}
	return errors.Join(w.store.Ping(ctx), w.warehouse.Ping(ctx), temporal, w.health.unwritten(ctx))
}
