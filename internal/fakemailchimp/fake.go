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
// are inclusive, and whether a read without status has archived members. It has one list.
package fakemailchimp

import (
	"cmp"
	"crypto/md5" //nolint:gosec // G501: Mailchimp's IDs are MD5
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/fakefault"
)

// Key is the API key that the fake accepts, List its list.
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

// Member is a member of the list.
type Member struct {
	Email       string
	Status      string
	MergeFields map[string]any
	LastChanged time.Time
	OptedIn     time.Time
	Tags        []string
	// Raw replaces the member in answers, for malformed members.
	Raw string
}

// ID returns the member's ID: the MD5 of the lower-case address.
func (m Member) ID() string { return md5Of(strings.ToLower(m.Email)) }

func md5Of(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // G401: Mailchimp's IDs are MD5
	return hex.EncodeToString(sum[:])
}

// Server is the fake. It is an http.Handler, safe for concurrent use.
type Server struct {
	// Faults are the failures: of methods "members", "member", "list" and "lists".
	fakefault.Faults

	cfg Config
	mux *http.ServeMux

	mu      sync.Mutex
	members map[string]Member
	// order caches sorted; nil after a change.
	order []entry
	reads int
	open  int
	peak  int
}

// New returns a fake.
func New(cfg Config) *Server {
	cfg.Connections = cmp.Or(cfg.Connections, MaxConnections)
	s := &Server{cfg: cfg, mux: http.NewServeMux(), members: map[string]Member{}}
	s.mux.HandleFunc("GET /3.0/lists/{list}/members", s.call("members", s.listMembers))
	s.mux.HandleFunc("GET /3.0/lists/{list}/members/{member}", s.call("member", s.member))
	s.mux.HandleFunc("GET /3.0/lists/{list}", s.call("list", s.list))
	s.mux.HandleFunc("GET /3.0/lists", s.call("lists", s.lists))
	s.mux.HandleFunc("/control/faults", s.Control)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { notFound(w, r) })
	return s
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Put adds or replaces members by their addresses.
func (s *Server) Put(all ...Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range all {
		m.Status = cmp.Or(m.Status, "subscribed")
		m.LastChanged = m.LastChanged.UTC().Truncate(time.Second)
		s.members[m.ID()] = m
	}
	s.order = nil
}

// Delete removes members permanently, by their addresses.
func (s *Server) Delete(emails ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, email := range emails {
		delete(s.members, Member{Email: email}.ID())
	}
	s.order = nil
}

// Members returns all members, sorted by last change and ID.
func (s *Server) Members() []Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	order := s.sorted()
	all := make([]Member, len(order))
	for i, e := range order {
		all[i] = e.Member
	}
	return all
}

// entry is a member with its ID.
type entry struct {
	Member
	id string
}

// sorted returns all members by last change and ID. The caller must not change the slice.
func (s *Server) sorted() []entry {
	if s.order != nil {
		return s.order
	}
	s.order = make([]entry, 0, len(s.members))
	for id, m := range s.members {
		s.order = append(s.order, entry{m, id})
	}
	slices.SortFunc(s.order, func(a, b entry) int {
		return cmp.Or(a.LastChanged.Compare(b.LastChanged), cmp.Compare(a.id, b.id))
	})
	return s.order
}

// Peak returns the largest number of simultaneous connections.
func (s *Server) Peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
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
