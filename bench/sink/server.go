// Package sink is what the benchmarks deliver to: an HTTP server in a process of its own
// that notes when each job came, and that hangs or is slow on request.
package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/bench/program"
)

// Paths of the server.
const (
	// HookPath takes jobs; the name of a lane stands behind it. A lane is whatever is to
	// behave by itself.
	HookPath = "/hooks/"
	// ReadyPath answers once the server listens.
	ReadyPath    = "/readyz"
	resetPath    = "/control/reset"
	countsPath   = "/control/counts"
	arrivalsPath = "/control/arrivals"
)

// Behaviour is what the sink does from a reset on.
type Behaviour struct {
	// From is the first number of the jobs that count. Others are taken and forgotten:
	// earlier cases may have left them behind.
	From int64 `json:"from,omitempty"`
	// Hang are the lanes whose requests get no answer.
	Hang []string `json:"hang,omitempty"`
	// Delay are lanes that answer only after a while.
	Delay map[string]time.Duration `json:"delay,omitempty"`
}

// maxBody is far more than a job of the benchmarks has, in bytes.
const maxBody = 64 << 10

// state is what a reset replaces as a whole: a request that was under way before it counts
// for what was before.
type state struct {
	*ledger
	behaviour Behaviour
	hanging   map[string]bool
}

func newState(b Behaviour) *state {
	s := &state{ledger: newLedger(), behaviour: b, hanging: map[string]bool{}}
	for _, lane := range b.Hang {
		s.hanging[lane] = true
	}
	return s
}

// Server is the sink. It is safe for concurrent use.
type Server struct {
	now atomic.Pointer[state]
	mux *http.ServeMux
}

// NewServer returns a sink that behaves well.
func NewServer() *Server {
	s := &Server{mux: http.NewServeMux()}
	s.now.Store(newState(Behaviour{}))
	s.mux.HandleFunc("POST "+HookPath+"{lane}", s.take)
	s.mux.HandleFunc("GET "+ReadyPath, func(http.ResponseWriter, *http.Request) {})
	s.mux.HandleFunc("POST "+resetPath, s.reset)
	s.mux.HandleFunc("GET "+countsPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, s.now.Load().tally())
	})
	s.mux.HandleFunc("GET "+arrivalsPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, s.now.Load().arrivals())
	})
	return s
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// take takes a job.
func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	at := time.Now().UnixNano()
	now := s.now.Load()
	lane := r.PathValue("lane")
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	no, is := number(body)
	switch {
	case err != nil || !is || r.Header.Get("webhook-id") == "" || r.Header.Get("webhook-signature") == "":
		now.refuse()
		http.Error(w, "no job of the benchmark", http.StatusBadRequest)
	case no < now.behaviour.From:
		now.stray()
	case now.hanging[lane]:
		now.hang()
		<-r.Context().Done()
	default:
		if delay := now.behaviour.Delay[lane]; delay > 0 {
			timer := time.NewTimer(delay)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
			}
		}
		now.note(no, at)
	}
}

// mark stands before a job's number in its body.
var mark = []byte(`"no":`)

// number finds a job's number. The body is not parsed: the sink is to be no part of what is
// measured.
func number(body []byte) (no int64, is bool) {
	_, rest, found := bytes.Cut(body, mark)
	if !found {
		return 0, false
	}
	end := bytes.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	no, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	return no, err == nil
}

func (s *Server) reset(w http.ResponseWriter, r *http.Request) {
	var b Behaviour
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&b); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.now.Store(newState(b))
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(what); err != nil {
		// The client has disconnected.
		panic(http.ErrAbortHandler)
	}
}

// Serve serves the sink at an address until ctx ends. Requests without an answer end with it.
func Serve(ctx context.Context, address string) error {
	return program.Serve(ctx, address, NewServer())
}
