package server

import (
	"io"
	"net/http"
	"sync/atomic"

	"github.com/sluicehq/sluice/ingest/eventapi"
)

// bodies counts the bytes of the bodies of all unanswered requests.
type bodies struct {
	most int64
	held atomic.Int64
}

// bounded answers a request with 503 if its body and those of other requests are larger than
// server.max_pending_mib.
func (s *Server) bounded(next http.Handler) http.Handler {
	pending := &s.metrics.pending
	pending.most = s.cfg.Settings.Server.MaxPendingMiB << 20
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &countedBody{ReadCloser: r.Body, all: pending}
		defer func() { pending.held.Add(-body.held) }()
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// countedBody is a body whose bytes are counted.
type countedBody struct {
	io.ReadCloser
	all  *bodies
	held int64
}

// Read reads the body. The error is eventapi.ErrBusy if all bodies are too large together.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.held += int64(n)
	if b.all.held.Add(int64(n)) > b.all.most {
		return 0, eventapi.ErrBusy
	}
	return n, err
}
