package fakemailchimp

import (
	"cmp"
	"crypto/md5" //nolint:gosec // G501: Mailchimp's IDs are MD5
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Member is a member of a list.
type Member struct {
	Email       string
	Status      string
	MergeFields map[string]any
	LastChanged time.Time
	OptedIn     time.Time
	Tags        []string
	// Number identifies the address across lists. Put sets it: the first address has 1.
	Number uint64
	// Raw replaces the member in answers, for malformed members.
	Raw string
}

// ID returns the member's ID: the MD5 of the lower-case address.
func (m Member) ID() string { return md5Of(strings.ToLower(m.Email)) }

// UniqueID returns the unique_email_id of the member: 10 hexadecimal digits, as Mailchimp's, which no other address
// that was put has.
func (m Member) UniqueID() string { return fmt.Sprintf("%010x", permuted(m.Number)) }

// half is the bits of half of a number of 10 hexadecimal digits.
const half = 20

// permuted is a permutation of the numbers of 40 bits: a Feistel network, so that different numbers stay different.
func permuted(n uint64) uint64 {
	const mask = 1<<half - 1
	left, right := n>>half&mask, n&mask
	for round := range uint64(4) {
		mixed := (right + round + 1) * 0x9e3779b97f4a7c15
		left, right = right, left^mixed>>(64-half)
	}
	return left<<half | right
}

func md5Of(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // G401: Mailchimp's IDs are MD5
	return hex.EncodeToString(sum[:])
}

// list is the members of a list by their IDs.
type list struct {
	members map[string]Member
	// order caches sorted; nil after a change.
	order []entry
}

func newList() *list { return &list{members: map[string]Member{}} }

// entry is a member with its ID.
type entry struct {
	Member
	id string
}

// sorted returns all members by last change and ID. The caller must not change the slice.
func (l *list) sorted() []entry {
	if l.order != nil {
		return l.order
	}
	l.order = make([]entry, 0, len(l.members))
	for id, m := range l.members {
		l.order = append(l.order, entry{m, id})
	}
	slices.SortFunc(l.order, func(a, b entry) int {
		return cmp.Or(a.LastChanged.Compare(b.LastChanged), cmp.Compare(a.id, b.id))
	})
	return l.order
}

// Put adds or replaces members of the first list by their addresses.
func (s *Server) Put(all ...Member) { s.PutIn(List, all...) }

// PutIn adds or replaces members of a list by their addresses, and adds the list if there is none.
func (s *Server) PutIn(id string, all ...Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lists[id]
	if l == nil {
		l = newList()
		s.lists[id] = l
	}
	for _, m := range all {
		key := m.ID()
		if s.numbers[key] == 0 {
			s.numbers[key] = uint64(len(s.numbers)) + 1
		}
		m.Number = s.numbers[key]
		m.Status = cmp.Or(m.Status, "subscribed")
		m.LastChanged = m.LastChanged.UTC().Truncate(time.Second)
		l.members[key] = m
	}
	l.order = nil
}

// Delete removes members of the first list permanently, by their addresses.
func (s *Server) Delete(emails ...string) { s.DeleteIn(List, emails...) }

// DeleteIn removes members of a list permanently, by their addresses.
func (s *Server) DeleteIn(id string, emails ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lists[id]
	if l == nil {
		return
	}
	for _, email := range emails {
		delete(l.members, Member{Email: email}.ID())
	}
	l.order = nil
}

// Members returns all members of the first list, sorted by last change and ID.
func (s *Server) Members() []Member { return s.MembersOf(List) }

// MembersOf returns all members of a list, sorted by last change and ID.
func (s *Server) MembersOf(id string) []Member {
	order, _ := s.order(id)
	all := make([]Member, len(order))
	for i, e := range order {
		all[i] = e.Member
	}
	return all
}

// order returns the members of a list, sorted; ok is false if there is no such list.
func (s *Server) order(id string) (order []entry, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.lists[id]
	if !ok {
		return nil, false
	}
	return l.sorted(), true
}

// oneList is GET /lists/{list}.
func (s *Server) oneList(w http.ResponseWriter, r *http.Request) {
	order, ok := s.order(r.PathValue("list"))
	if !ok {
		notFound(w, r)
		return
	}
	write(w, "application/json; charset=utf-8", http.StatusOK, listAnswer(r.PathValue("list"), order))
}

// allLists is GET /lists.
func (s *Server) allLists(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	ids := slices.Sorted(maps.Keys(s.lists))
	s.mu.Unlock()
	lists := make([]any, len(ids))
	for i, id := range ids {
		order, _ := s.order(id)
		lists[i] = listAnswer(id, order)
	}
	write(w, "application/json; charset=utf-8", http.StatusOK, map[string]any{
		"lists": lists, "total_items": len(lists),
	})
}

// listAnswer is a list as the API presents it.
func listAnswer(id string, order []entry) map[string]any {
	counts := map[string]int{}
	for _, e := range order {
		counts[e.Status]++
	}
	return map[string]any{
		"id": id, "name": "Example shop", "stats": map[string]any{
			"member_count": counts["subscribed"], "unsubscribe_count": counts["unsubscribed"],
			"cleaned_count": counts["cleaned"],
		},
	}
}

// controlMembers is GET /control/members?list=ID, which the API does not have: all members of a list, by default
// the first one, for a comparison.
func (s *Server) controlMembers(w http.ResponseWriter, r *http.Request) {
	write(w, "application/json", http.StatusOK, s.MembersOf(cmp.Or(r.URL.Query().Get("list"), List)))
}
