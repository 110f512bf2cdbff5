// Package fakemailchimp is a fake of Mailchimp's Marketing API 3.0, for tests and offline trials.
//
// It follows Mailchimp's documentation as of 2026:
//
//   - list members, a member, a list, the lists: parameters, fields, sort order, paging
//     (https://mailchimp.com/developer/marketing/api/list-members/)
//   - HTTP Basic with an API key, 10 simultaneous connections, throttling
//     (https://mailchimp.com/developer/marketing/docs/fundamentals/)
//   - errors: application/problem+json
//     (https://mailchimp.com/developer/marketing/docs/errors/)
//
// Two properties are not documented and therefore configurable: whether the bounds of last_changed
// are inclusive, and whether a read without status has archived members. It has one list, and those
// that PutIn adds.
package fakemailchimp

import (
	"cmp"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/sluicehq/sluice/internal/fakefault"
)

// Key is the API key that the fake accepts, List its first list.
const (
	Key  = "0123456789abcdef" + "0123456789abcdef-us21"
	List = "1a2d7ebf82"
)

// MaxConnections is the default limit of simultaneous connections.
const MaxConnections = 10

// Config configures a fake. The zero value is an empty list.
type Config struct {
	// Inclusive makes the bounds of last_changed inclusive.
	Inclusive bool
	// HideArchived omits archived members from reads without status.
	HideArchived bool
	// Connections is the limit of simultaneous connections. Defaults to MaxConnections.
	Connections int
	// Before is called before each read of members, with the number of the read from 1. It may change
	// members.
	Before func(read int)
}

// Server is the fake. It is an http.Handler, safe for concurrent use.
type Server struct {
	// Faults are the failures: of methods "members", "member", "list" and "lists".
	fakefault.Faults

	cfg Config
	mux *http.ServeMux

	mu    sync.Mutex
	lists map[string]*list
	// numbers has the number of each address that was put, by the ID of its members.
	numbers map[string]uint64
	reads   int
	open    int
	peak    int
	over    int
}

// New returns a fake.
func New(cfg Config) *Server {
	cfg.Connections = cmp.Or(cfg.Connections, MaxConnections)
	s := &Server{cfg: cfg, mux: http.NewServeMux(), lists: map[string]*list{List: newList()}, numbers: map[string]uint64{}}
	s.mux.HandleFunc("GET /3.0/lists/{list}/members", s.call("members", s.listMembers))
	s.mux.HandleFunc("GET /3.0/lists/{list}/members/{member}", s.call("member", s.member))
	s.mux.HandleFunc("GET /3.0/lists/{list}", s.call("list", s.oneList))
	s.mux.HandleFunc("GET /3.0/lists", s.call("lists", s.allLists))
	s.mux.HandleFunc("/control/faults", s.Control)
	s.mux.HandleFunc("GET /control/members", s.controlMembers)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { notFound(w, r) })
	return s
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Peak returns the largest number of simultaneous connections.
func (s *Server) Peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

// Over returns the number of requests that were above the limit of connections.
func (s *Server) Over() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// call limits connections, applies faults and authenticates.
func (s *Server) call(method string, next http.HandlerFunc) http.HandlerFunc {
	return s.limited(s.Wrap(method, func(w http.ResponseWriter, r *http.Request) {
		if _, key, ok := r.BasicAuth(); !ok || key != Key {
			fail(w, r, http.StatusUnauthorized, "API Key Invalid", "Your API key may be invalid, or you've attempted to access "+
				"the wrong datacenter.")
			return
		}
		next(w, r)
	}))
}

func (s *Server) limited(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.open++
		s.peak = max(s.peak, s.open)
		over := s.open > s.cfg.Connections
		if over {
			s.over++
		}
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.open--
		}()
		if over {
			fail(w, r, http.StatusTooManyRequests, "Too Many Requests",
				"You have exceeded the limit of 10 simultaneous connections.")
			return
		}
		next(w, r)
	}
}

// fail writes an error document.
func fail(w http.ResponseWriter, r *http.Request, status int, title, detail string) {
	write(w, "application/problem+json; charset=utf-8", status, map[string]any{
		"type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": title, "status": status,
		"detail": detail, "instance": md5Of(r.URL.String()),
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	fail(w, r, http.StatusNotFound, "Resource Not Found", "The requested resource could not be found.")
}

func write(w http.ResponseWriter, kind string, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return // the client has gone
	}
}
