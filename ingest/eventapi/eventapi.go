// Package eventapi is the HTTP endpoint of events: `POST /api/event`, compatible with
// Plausible's, and `POST /api/events`, which takes a batch from an authorised sender.
package eventapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/faults"
)

// Limits of batches.
const (
	// MaxBatch is the size of a batch in bytes.
	MaxBatch = 16 << 20
	// MaxLines is the number of events of a batch.
	MaxLines = 10_000
	// chunk is the number of events that are buffered at once.
	chunk = 500
)

// DefaultReadTimeout is how long a body may take.
const DefaultReadTimeout = 10 * time.Second

// DefaultBufferTimeout is how long a request waits for the event log.
const DefaultBufferTimeout = 5 * time.Second

// ErrBusy is the error of a body for which there is no memory at the moment. The request is answered with
// 503 and Retry-After.
var ErrBusy = errors.New("too many requests are being read")

// retryAfter is the value of the header Retry-After in seconds.
const retryAfter = "5"

// Pipeline builds and buffers events, as *ingest.Pipeline does.
type Pipeline interface {
	// BuildAndBufferAll returns a result for each request, once the event log has
	// acknowledged the buffered events and the counts of the dropped ones.
	BuildAndBufferAll(ctx context.Context, requests []request.Request) ([]ingest.Result, error)
}

// Sender is an authorised sender.
type Sender struct {
	// ID names the sender, for its Idempotency-Keys.
	ID string
	// SiteID is the number of the only site whose events it may send; 0 means any. Events of other sites are
	// dropped as not_found.
	SiteID uint64
}

// Config configures the endpoint.
type Config struct {
	// Pipeline is required.
	Pipeline Pipeline
	// Proxies are trusted about the visitor's address. Defaults to none: the address is
	// that of the connection.
	Proxies request.Proxies
	// Authorise returns the sender of a request with valid credentials, and nil for another. An
	// error fails a request, which can be retried. Defaults to no authorised senders.
	Authorise func(r *http.Request) (*Sender, error)
	// Replies remembers the replies to requests with an Idempotency-Key. Without it such
	// requests are refused.
	Replies Replies
	// ReadTimeout is how long a body may take. Defaults to DefaultReadTimeout.
	ReadTimeout time.Duration
	// BufferTimeout is how long a request waits for the acknowledgement of its events, and a batch for that of each
	// of its parts. Then the answer is 503. Defaults to DefaultBufferTimeout.
	BufferTimeout time.Duration
	// Logger reports requests that failed, at most once a second. Required.
	Logger *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Validate returns every fault of the configuration.
func (c Config) Validate() error {
	var f faults.Faults
	f.Check(c.Pipeline != nil, "pipeline is missing")
	f.Check(c.Logger != nil, "logger is missing")
	f.Check(c.ReadTimeout >= 0, "read timeout is %s, want a positive duration", c.ReadTimeout)
	f.Check(c.BufferTimeout >= 0, "buffer timeout is %s, want a positive duration", c.BufferTimeout)
	for _, proxy := range c.Proxies {
		f.Check(proxy.IsValid(), "trusted proxies: invalid network (want 10.0.0.0/8)")
	}
	return f.Err()
}

// Handler serves the endpoint. It is safe for concurrent use.
type Handler struct {
	config Config
	mux    *http.ServeMux
	logged atomic.Int64
}

// New returns a handler.
func New(c Config) (*Handler, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("new event endpoint: %w", err)
	}
	c.ReadTimeout = cmp.Or(c.ReadTimeout, DefaultReadTimeout)
	c.BufferTimeout = cmp.Or(c.BufferTimeout, DefaultBufferTimeout)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Authorise == nil {
		c.Authorise = func(*http.Request) (*Sender, error) { return nil, nil }
	}
	h := &Handler{config: c, mux: http.NewServeMux()}
	h.mux.HandleFunc("POST /api/event", h.event)
	h.mux.HandleFunc("OPTIONS /api/event", preflight)
	h.mux.HandleFunc("POST /api/events", h.batch)
	return h, nil
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// buffer sends requests through the pipeline, and waits for the event log for as long as a request may.
func (h *Handler) buffer(r *http.Request, requests []request.Request) ([]ingest.Result, error) {
	ctx, cancel := context.WithTimeout(r.Context(), h.config.BufferTimeout)
	defer cancel()
	return h.config.Pipeline.BuildAndBufferAll(ctx, requests)
}

// allowOrigin lets pages of every site read the answer; it holds nothing of a visitor's.
func allowOrigin(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", HeaderDroppedCount+", "+HeaderDropped)
}

// preflight answers browsers that ask before they send another type than text/plain.
func preflight(w http.ResponseWriter, r *http.Request) {
	allowOrigin(w)
	w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
	headers := cmp.Or(r.Header.Get("Access-Control-Request-Headers"), "Content-Type")
	w.Header().Set("Access-Control-Allow-Headers", headers)
	w.Header().Add("Vary", "Access-Control-Request-Headers")
	w.Header().Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// failed logs a fault at most once a second: an outage fails every request.
func (h *Handler) failed(r *http.Request, err error) {
	now := h.config.Now().UnixNano()
	last := h.logged.Load()
	if now-last < int64(time.Second) || !h.logged.CompareAndSwap(last, now) {
		return
	}
	h.config.Logger.ErrorContext(r.Context(), "events were not buffered; the answer asks the sender to retry",
		"error", err)
}
