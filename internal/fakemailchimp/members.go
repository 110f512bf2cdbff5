package fakemailchimp

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Limits of a page.
const (
	defaultCount = 10
	maxCount     = 1000
)

// query is a read of members.
type query struct {
	count, offset int
	status        string
	since, before time.Time
	sorted, desc  bool
	fields        []string
}

// parseQuery parses the parameters; fault is the text of a 400.
func parseQuery(v url.Values) (q query, fault string) {
	q.count = defaultCount
	for name, into := range map[string]*int{"count": &q.count, "offset": &q.offset} {
		if !v.Has(name) {
			continue
		}
		n, err := strconv.Atoi(v.Get(name))
		if err != nil || n < 0 || name == "count" && n > maxCount {
			return q, "The resource submitted could not be validated: " + name
		}
		*into = n
	}
	for name, into := range map[string]*time.Time{"since_last_changed": &q.since, "before_last_changed": &q.before} {
		if !v.Has(name) {
			continue
		}
		t, err := time.Parse(time.RFC3339, v.Get(name))
		if err != nil {
			return q, "The resource submitted could not be validated: " + name
		}
		*into = t
	}
	q.status = v.Get("status")
	statuses := []string{"", "subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived"}
	if !slices.Contains(statuses, q.status) {
		return q, "The resource submitted could not be validated: status"
	}
	q.sorted, q.desc = v.Get("sort_field") == "last_changed", v.Get("sort_dir") == "DESC"
	if v.Has("fields") {
		q.fields = strings.Split(v.Get("fields"), ",")
	}
	return q, ""
}

// within returns the members of a range of last_changed.
func (s *Server) within(order []entry, q query) []entry {
	from := sort.Search(len(order), func(i int) bool {
		c := order[i].LastChanged.Compare(q.since)
		return q.since.IsZero() || c > 0 || s.cfg.Inclusive && c == 0
	})
	to := sort.Search(len(order), func(i int) bool {
		c := order[i].LastChanged.Compare(q.before)
		return !q.before.IsZero() && (c > 0 || !s.cfg.Inclusive && c == 0)
	})
	return order[from:max(from, to)]
}

// matching returns the members of an answer, in its order.
func (s *Server) matching(order []entry, q query) []entry {
	all := s.within(order, q)
	if q.status != "" || s.cfg.HideArchived {
		var some []entry
		for _, e := range all {
			if e.Status == q.status || q.status == "" && e.Status != "archived" {
				some = append(some, e)
			}
		}
		all = some
	}
	switch {
	case q.sorted && q.desc:
		all = slices.Clone(all)
		slices.Reverse(all)
	case !q.sorted:
		all = slices.Clone(all)
		slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.id, b.id) })
	}
	return all
}

// listMembers is GET /lists/{list}/members.
func (s *Server) listMembers(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("list")
	if _, ok := s.order(id); !ok {
		notFound(w, r)
		return
	}
	q, fault := parseQuery(r.URL.Query())
	if fault != "" {
		fail(w, r, http.StatusBadRequest, "Invalid Resource", fault)
		return
	}
	s.mu.Lock()
	s.reads++
	read := s.reads
	s.mu.Unlock()
	if s.cfg.Before != nil {
		s.cfg.Before(read)
	}
	order, _ := s.order(id)
	all := s.matching(order, q)
	total := len(all)
	members, err := presentAll(all[min(q.offset, total):min(q.offset+q.count, total)], id, q.fields)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer := map[string]any{"members": members, "list_id": id, "total_items": total, "_links": []any{}}
	for name := range answer {
		if !requested(q.fields, name) {
			delete(answer, name)
		}
	}
	write(w, "application/json; charset=utf-8", http.StatusOK, answer)
}

// member is GET /lists/{list}/members/{member}.
func (s *Server) member(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var m Member
	l, ok := s.lists[r.PathValue("list")]
	if ok {
		m, ok = l.members[r.PathValue("member")]
	}
	s.mu.Unlock()
	if !ok {
		notFound(w, r)
		return
	}
	body, err := presentation(nil).of(nil, entry{m, m.ID()}, r.PathValue("list"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	write(w, "application/json; charset=utf-8", http.StatusOK, body)
}
