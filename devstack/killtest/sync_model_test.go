package killtest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
)

// The size of the model.
const (
	// bulkMembers change within one second.
	bulkMembers = 5000
	// changeEvery is the mean time between two changes.
	changeEvery = 12 * time.Millisecond
	// maxSkew bounds how far Mailchimp's clock is from that of the workers.
	maxSkew = 4 * time.Second
)

// model changes the members of lists at random. It is safe for concurrent use.
type model struct {
	fake  *fakemailchimp.Server
	lists []string
	sizes map[string]int

	mu   sync.Mutex
	rng  *rand.Rand
	over bool
	// members are the members by list, deleted those that were deleted permanently.
	members, deleted map[string][]fakemailchimp.Member
	next             int
	skew             time.Duration
	last             time.Time
	// counts are the changes by kind.
	counts map[string]int
}

func newModel(seed uint64) *model {
	return &model{
		lists: []string{fakemailchimp.List, "b2", "c3"}, sizes: map[string]int{fakemailchimp.List: 4000, "b2": 1200, "c3": 800},
		rng:     rand.New(rand.NewPCG(seed, 6)),
		members: map[string][]fakemailchimp.Member{}, deleted: map[string][]fakemailchimp.Member{}, counts: map[string]int{},
	}
}

// fill adds the first members, who changed hours ago.
func (m *model) fill(fake *fakemailchimp.Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fake = fake
	for _, list := range m.lists {
		for i := range m.sizes[list] {
			m.add(list, time.Now().Add(-time.Hour-time.Duration(i/3)*time.Second))
		}
	}
	clear(m.counts)
}

// now is the time of Mailchimp's clock.
func (m *model) now() time.Time { return time.Now().Add(m.skew) }

// put stores a member, who has changed at a time.
func (m *model) put(list string, i int, member fakemailchimp.Member, at time.Time) {
	member.LastChanged = at.UTC().Truncate(time.Second)
	if m.last.Before(member.LastChanged) {
		m.last = member.LastChanged
	}
	m.members[list][i] = member
	m.fake.PutIn(list, member)
}

// add adds a member.
func (m *model) add(list string, at time.Time) {
	m.next++
	m.members[list] = append(m.members[list], fakemailchimp.Member{})
	m.put(list, len(m.members[list])-1, fakemailchimp.Member{
		Email: fmt.Sprintf("Member-%d@example.com", m.next), Status: "subscribed", OptedIn: at.Truncate(time.Second),
		MergeFields: map[string]any{"FNAME": fmt.Sprint("First ", m.next), "LNAME": "Lee"},
	}, at)
}

// bulk changes members of a list within one second, and adds members until there are enough.
func (m *model) bulk(list string, members int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.now()
	for len(m.members[list]) < members {
		m.add(list, at)
	}
	for i := range members {
		member := m.members[list][i]
		member.MergeFields = map[string]any{"FNAME": fmt.Sprint("Bulk ", i), "LNAME": "Lee"}
		member.Raw = ""
		m.put(list, i, member, at)
	}
	m.counts["bulk"] += members
}

// changeUntil changes members until ctx ends.
func (m *model) changeUntil(ctx context.Context) error {
	for delay.Wait(ctx, changeEvery) == nil {
		m.step()
	}
	return nil
}

// beforeRead changes members during every fifth read.
func (m *model) beforeRead(read int) {
	if read%5 == 0 {
		m.step()
	}
}

// end ends the changes.
func (m *model) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
}

// lastChange returns the time of the latest change by Mailchimp's clock.
func (m *model) lastChange() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// malformed returns the IDs of the members that cannot be delivered.
func (m *model) malformed(list string) map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := map[string]bool{}
	for _, member := range m.members[list] {
		if malformed(member) {
			ids[member.ID()] = true
		}
	}
	return ids
}

// gone reports whether the member with an ID was deleted permanently.
func (m *model) gone(list, id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.deleted[list], func(member fakemailchimp.Member) bool { return member.ID() == id })
}

func malformed(member fakemailchimp.Member) bool {
	name, ok := member.MergeFields["FNAME"].(string)
	return member.Raw != "" || ok && len(name) > 60_000
}

// city marks contacts that Ometria's asynchronous validation refuses.
const city = "Nowhere"

// invalidContact is the asynchronous validation of the fake.
func invalidContact(fields map[string]any) string {
	if fields["lastname"] == city {
		return "lastname"
	}
	return ""
}

// step makes one change.
func (m *model) step() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return
	}
	if m.rng.IntN(200) == 0 {
		m.skew = time.Duration(m.rng.Int64N(int64(2*maxSkew))) - maxSkew
	}
	list := m.lists[m.rng.IntN(len(m.lists))]
	kinds := []string{
		"rename", "rename", "rename", "rename", "rename", "rename", "add", "add", "unsubscribe", "unsubscribe", "subscribe",
		"archive", "clean", "pending", "delete", "return", "odd", "large", "raw", "refused", "second",
	}
	kind := kinds[m.rng.IntN(len(kinds))]
	if m.change(kind, list) {
		m.counts[kind]++
	}
}

// change makes a change of a kind. It reports whether that was possible.
func (m *model) change(kind, list string) bool {
	i, at := m.rng.IntN(len(m.members[list])), m.now()
	member := m.members[list][i]
	if kind != "delete" {
		member.Raw = ""
		member.MergeFields = map[string]any{"FNAME": fmt.Sprint("Changed ", m.rng.IntN(1_000_000)), "LNAME": "Lee"}
	}
	switch kind {
	case "add":
		m.add(list, at)
		return true
	case "delete":
		return m.remove(list, i)
	case "return":
		return m.comeBack(list, at)
	case "second":
		for range 20 {
			m.change("rename", list)
		}
		return true
	case "subscribe":
		member.Status, member.OptedIn = "subscribed", at.Truncate(time.Second)
	case "unsubscribe":
		member.Status = "unsubscribed"
	case "archive":
		member.Status = "archived"
	case "clean":
		member.Status = "cleaned"
	case "pending":
		member.Status = "pending"
	case "odd":
		member.MergeFields = map[string]any{"FNAME": "\u202e\"\\\U0001F600 <&> \u2028\x7f", "LNAME": ""}
	case "large":
		member.MergeFields["FNAME"] = strings.Repeat("x", 61_000)
	case "refused":
		member.MergeFields["LNAME"] = city
	case "raw":
		stamp := at.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05+00:00")
		member.Raw = fmt.Sprintf(`{"id":%q,"list_id":%q,"status":"subscribed","email_address":"x@example.com",`+
			`"timestamp_opt":"yesterday","last_changed":%q}`, member.ID(), list, stamp)
	}
	m.put(list, i, member, at)
	return true
}

// remove deletes a member permanently, up to 1 % of a list. A malformed one stays: it has no contact to opt
// out.
func (m *model) remove(list string, i int) bool {
	member := m.members[list][i]
	if len(m.deleted[list]) >= m.sizes[list]/100 || malformed(member) || member.MergeFields["LNAME"] == city {
		return false
	}
	m.members[list] = slices.Delete(m.members[list], i, i+1)
	m.deleted[list] = append(m.deleted[list], member)
	m.fake.DeleteIn(list, member.Email)
	return true
}

// comeBack adds a member again who was deleted permanently.
func (m *model) comeBack(list string, at time.Time) bool {
	gone := m.deleted[list]
	if len(gone) == 0 || m.rng.IntN(4) > 0 {
		return false
	}
	m.deleted[list] = gone[1:]
	member := gone[0]
	member.Status, member.OptedIn = "subscribed", at.Truncate(time.Second)
	m.members[list] = append(m.members[list], member)
	m.put(list, len(m.members[list])-1, member, at)
	return true
}
