package fakemailchimp

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
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

// matches reports whether a member belongs to the answer.
func (s *Server) matches(q query, m Member) bool {
	switch {
	case q.status != "" && m.Status != q.status, q.status == "" && s.cfg.HideArchived && m.Status == "archived":
		return false
	case s.cfg.Inclusive:
		return !m.LastChanged.Before(q.since) && (q.before.IsZero() || !m.LastChanged.After(q.before))
	default:
		return (q.since.IsZero() || m.LastChanged.After(q.since)) && (q.before.IsZero() || m.LastChanged.Before(q.before))
	}
}

// listMembers is GET /lists/{list}/members.
func (s *Server) listMembers(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("list") != List {
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
	s.mu.Lock()
	order := s.sorted()
	s.mu.Unlock()
	all := make([]entry, 0, len(order))
	for _, e := range order {
		if s.matches(q, e.Member) {
			all = append(all, e)
		}
	}
	switch {
	case q.sorted && q.desc:
		slices.Reverse(all)
	case !q.sorted:
		slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.id, b.id) })
	}
	total := len(all)
	members := []any{}
	for _, m := range all[min(q.offset, total):min(q.offset+q.count, total)] {
		members = append(members, m.answer(q.fields))
	}
	answer := map[string]any{"members": members, "list_id": List, "total_items": total, "_links": []any{}}
	write(w, "application/json; charset=utf-8", http.StatusOK, keep(answer, q.fields, ""))
}

// answer is the member as the API presents it.
func (m Member) answer(fields []string) any {
	if m.Raw != "" {
		return json.RawMessage(m.Raw)
	}
	tags := []any{}
	for i, name := range m.Tags[:min(len(m.Tags), 50)] {
		tags = append(tags, map[string]any{"id": i + 1, "name": name})
	}
	merge := m.MergeFields
	if merge == nil {
		merge = map[string]any{}
	}
	optedIn := ""
	if !m.OptedIn.IsZero() {
		optedIn = m.OptedIn.UTC().Format(time.RFC3339)
	}
	return keep(map[string]any{
		"id": m.ID(), "email_address": m.Email, "unique_email_id": md5Of("unique " + m.Email)[:10],
		"contact_id": md5Of("contact " + m.Email), "status": m.Status, "merge_fields": merge,
		"timestamp_signup": "", "timestamp_opt": optedIn, "last_changed": m.LastChanged.Format("2006-01-02T15:04:05+00:00"),
		"language": "en", "vip": false, "tags": tags, "tags_count": len(m.Tags), "list_id": List,
		"full_name": "", "web_id": 1, "email_type": "html", "ip_signup": "", "location": map[string]any{},
	}, fields, "members.")
}

// keep keeps the requested fields, all without any.
func keep(object map[string]any, fields []string, prefix string) map[string]any {
	if len(fields) == 0 {
		return object
	}
	kept := map[string]any{}
	for name, value := range object {
		path := prefix + name
		if slices.ContainsFunc(fields, func(f string) bool {
			return f == path || strings.HasPrefix(f, path+".") || strings.HasPrefix(path, f+".")
		}) {
			kept[name] = value
		}
	}
	return kept
}

// member is GET /lists/{list}/members/{member}.
func (s *Server) member(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	m, ok := s.members[r.PathValue("member")]
	s.mu.Unlock()
	if r.PathValue("list") != List || !ok {
		notFound(w, r)
		return
	}
	write(w, "application/json; charset=utf-8", http.StatusOK, m.answer(nil))
}

// list is GET /lists/{list}.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("list") != List {
		notFound(w, r)
		return
	}
	write(w, "application/json; charset=utf-8", http.StatusOK, s.listAnswer())
}

// lists is GET /lists.
func (s *Server) lists(w http.ResponseWriter, _ *http.Request) {
	write(w, "application/json; charset=utf-8", http.StatusOK, map[string]any{
		"lists": []any{s.listAnswer()}, "total_items": 1,
	})
}

// listAnswer is the list as the API presents it.
func (s *Server) listAnswer() map[string]any {
	counts := map[string]int{}
	for _, m := range s.Members() {
		counts[m.Status]++
	}
	return map[string]any{
		"id": List, "name": "Example shop", "stats": map[string]any{
			"member_count": counts["subscribed"], "unsubscribe_count": counts["unsubscribed"],
			"cleaned_count": counts["cleaned"],
		},
	}
}
