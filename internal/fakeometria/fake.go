// Package fakeometria is a fake of Ometria's Data API v2, for tests and offline trials.
//
// It follows Ometria's documentation as of 2026:
//
//   - POST /push: arrays of at most 100 records of one type and 60 KB each, merged by collection and ID
//     (https://docs.ometria.com/apis/data_api_v2/)
//   - GET /push/_errors: the latest 100 errors of the asynchronous validation, without IDs
//     (https://docs.ometria.com/docs/list-errors)
//   - 8 pushes a second, a queue with X-QueueSize headers, 429
//
// Without @force_optin an opt-out stays, whatever is sent later
// (https://support.ometria.com/hc/en-gb/articles/9881943263389).
//
// The documentation does not name the status of a success: it is 202. Validation knows the types of a
// contact's names, and what Config.Invalid says.
package fakeometria

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/fakefault"
)

// Key is the API key that the fake accepts.
const Key = "fake-ometria-key-31f9c0"

// Limits of the API.
const (
	maxRecords = 100
	maxRecord  = 60_000
	maxErrors  = 100
	// DefaultRate is the number of pushes a second.
	DefaultRate = 8
	// DefaultQueue is the number of records of the queue.
	DefaultQueue = 50_000
)

// Config configures a fake. The zero value has the documented limits.
type Config struct {
	// Rate is the number of pushes a second. Defaults to DefaultRate; -1 is unlimited.
	Rate int
	// Queue is the number of records that wait for validation until Drain. Defaults to DefaultQueue; -1
	// is unlimited and sends no headers.
	Queue int
	// Now is the clock of the rate. Defaults to time.Now.
	Now func() time.Time
	// Invalid returns the path of a field that the asynchronous validation refuses, "" for none. Defaults to none.
	Invalid func(fields map[string]any) (path string)
}

// Server is the fake. It is an http.Handler, safe for concurrent use.
type Server struct {
	// Faults are the failures: of methods "push" and "errors".
	fakefault.Faults

	cfg Config
	mux *http.ServeMux

	mu sync.Mutex
	// records are merged, by "type/collection/id"; pushes counts how often each came.
	records map[string]map[string]any
	pushes  map[string]int
	// invalid are the records whose latest push the asynchronous validation has refused.
	invalid map[string]bool
	queued  int
	errors  []pushError
	// seconds counts requests by the second of their arrival.
	seconds map[int64]int
	over    int
	largest int
}

type pushError struct {
	Message string `json:"error_message"`
	Path    string `json:"error_path"`
}

// New returns a fake.
func New(cfg Config) *Server {
	cfg.Rate, cfg.Queue = cmp.Or(cfg.Rate, DefaultRate), cmp.Or(cfg.Queue, DefaultQueue)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), records: map[string]map[string]any{}, pushes: map[string]int{},
		invalid: map[string]bool{}, seconds: map[int64]int{},
	}
	s.mux.HandleFunc("POST /v2/push", s.limited(s.Wrap("push", s.authorized(s.push))))
	s.mux.HandleFunc("GET /v2/push/_errors", s.Wrap("errors", s.authorized(s.listErrors)))
	s.mux.HandleFunc("/control/faults", s.Control)
	s.mux.HandleFunc("GET /control/records", s.countRecords)
	s.mux.HandleFunc("GET /control/contacts", s.controlContacts)
	return s
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Records returns a copy of the records by "type/collection/id".
func (s *Server) Records() map[string]map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]map[string]any, len(s.records))
	for key, fields := range s.records {
		all[key] = fields
	}
	return all
}

// countRecords is GET /control/records, which the API does not have: numbers of records by marketing_optin.
func (s *Server) countRecords(w http.ResponseWriter, _ *http.Request) {
	counts := map[string]int{"records": 0, "pushes": s.Calls("push")}
	for _, fields := range s.Records() {
		counts["records"]++
		if state, ok := fields["marketing_optin"].(string); ok {
			counts[state]++
		}
	}
	write(w, http.StatusOK, counts)
}

// controlContacts is GET /control/contacts, which the API does not have: all records, for a comparison.
func (s *Server) controlContacts(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, s.Records())
}

// Invalid returns the records whose latest push the asynchronous validation has refused, by
// "type/collection/id".
func (s *Server) Invalid() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.invalid)
}

// Pushes returns how often a record was accepted, by "type/collection/id".
func (s *Server) Pushes(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushes[key]
}

// Largest returns the number of records of the largest request.
func (s *Server) Largest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.largest
}

// Over returns the number of pushes that were above the rate.
func (s *Server) Over() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// Drain empties the queue.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued = 0
}

func (s *Server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Ometria-Auth") != Key {
			fail(w, http.StatusForbidden, "Not authorised")
			return
		}
		next(w, r)
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	write(w, status, map[string]string{"status": "ERROR", "message": message})
}

func write(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return // the client has gone
	}
}

// queueHeaders sets the headers of the queue.
func (s *Server) queueHeaders(w http.ResponseWriter) {
	if s.cfg.Queue < 0 {
		return
	}
	w.Header().Set("X-QueueSize-Limit", strconv.Itoa(s.cfg.Queue))
	w.Header().Set("X-QueueSize-Remaining", strconv.Itoa(s.cfg.Queue-s.queued))
}

// limited counts requests by the whole second of their arrival, also those that fail by a fault, and refuses
// those above the rate.
func (s *Server) limited(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		second := s.cfg.Now().Unix()
		s.mu.Lock()
		s.seconds[second]++
		over := s.cfg.Rate >= 0 && s.seconds[second] > s.cfg.Rate
		if over {
			s.over++
		}
		s.mu.Unlock()
		if over {
			w.Header().Set("Retry-After", "1")
			fail(w, http.StatusTooManyRequests, "Too many requests")
			return
		}
		next(w, r)
	}
}
