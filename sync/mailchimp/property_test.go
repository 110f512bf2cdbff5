package mailchimp_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/fakefault"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/sync/mailchimp"
)

// world is a list that changes while it is read. Only Before runs on other goroutines, during a call.
type world struct {
	*bundle
	mu        sync.Mutex
	w         mailchimp.Window
	t         *rapid.T
	delivered map[string]bool
	next      time.Time
	plan      []move
}

// Whatever the page size, the changes and the interruptions: each member that was changed in the
// window and not since is delivered, and the cursor passes none that was not.
func TestEachMemberIsDelivered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := &world{t: rt, delivered: map[string]bool{}, w: mailchimp.Window{Since: noon, Until: noon.Add(20 * time.Second)}}
		s.next = s.w.Until.Add(time.Hour)
		s.bundle = setup(rt, fakemailchimp.Config{
			Inclusive: rapid.Bool().Draw(rt, "inclusive"), HideArchived: rapid.Bool().Draw(rt, "hide archived"),
			Before: func(int) { s.change() },
		}, mailchimp.Config{
			PageSize: rapid.IntRange(1, 30).Draw(rt, "page size"), Block: rapid.IntRange(1, 60).Draw(rt, "block"),
			MaxBody: rapid.SampledFrom([]int64{0, 0, 8_000}).Draw(rt, "max body"),
		})
		if rapid.Bool().Draw(rt, "full load") {
			s.w.Since = time.Time{}
		}
		for i, second := range rapid.SliceOfN(rapid.IntRange(0, 20), 0, 120).Draw(rt, "seconds") {
			// Most share few seconds.
			at := noon.Add(time.Duration(second/7*7) * time.Second)
			status := rapid.SampledFrom([]string{"subscribed", "unsubscribed", "archived"}).Draw(rt, "status")
			s.fake.Put(fakemailchimp.Member{Email: email(i), LastChanged: at, Status: status})
		}
		s.read()
	})
}

// move is a member that changes, or is deleted, before a response. The plan is drawn before the call.
type move struct {
	member int
	delete bool
}

// draw plans the changes before the next responses.
func (s *world) draw() {
	s.plan = nil
	for range rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2, 15}).Draw(s.t, "changes") {
		// Often of the start, which has been delivered.
		s.plan = append(s.plan, move{
			member: rapid.IntRange(0, 150).Draw(s.t, "member"), delete: rapid.IntRange(0, 9).Draw(s.t, "deleted") == 0,
		})
	}
}

// change lets members leave the window, or be deleted.
func (s *world) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.plan {
		all := s.fake.Members()
		if len(all) == 0 {
			return
		}
		member := all[min(len(all)-1, m.member)]
		if m.delete {
			s.fake.Delete(member.Email)
			continue
		}
		s.next = s.next.Add(time.Second)
		member.LastChanged = s.next
		s.fake.Put(member)
	}
}

func (s *world) read() {
	var c mailchimp.Cursor
	for calls := 0; !c.Done; calls++ {
		if calls > 2000 {
			s.t.Fatal("the read does not end")
		}
		if fault, ok := s.fault(); ok {
			s.fake.Inject(fault)
		}
		s.draw()
		pages, err := s.Pages(s.t.Context(), fakemailchimp.List, s.w, c, rapid.SampledFrom([]int{1, 1, 2, 20}).Draw(s.t, "pages"))
		var changed *mailchimp.ChangedError
		if errors.As(err, &changed) {
			s.check(changed.Resume)
			c = changed.Resume
		}
		if err != nil {
			continue
		}
		for _, page := range pages {
			for _, m := range page.Members {
				s.delivered[m.Email] = true
			}
			s.check(page.Next)
			// A worker may die after the delivery and before the cursor is stored.
			if rapid.IntRange(0, 4).Draw(s.t, "lost cursor") == 0 {
				break
			}
			if c, err = stored(page.Next); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

func (s *world) fault() (fakefault.Fault, bool) {
	all := []fakefault.Fault{{}, {}, {}, {}, {Status: 429, Times: 1}, {Cut: true, Times: 1}, {Status: 503, Times: 1}}
	i := rapid.IntRange(0, len(all)-1).Draw(s.t, "fault")
	return all[i], all[i].Times > 0
}

// check fails if the cursor has passed a member of the window that was not delivered.
func (s *world) check(c mailchimp.Cursor) {
	for _, m := range s.fake.Members() {
		passed := !m.LastChanged.After(c.Second)
		if m.Status == "archived" {
			passed = passed && c.Archived
		} else {
			passed = passed || c.Archived
		}
		if (passed || c.Done) && !m.LastChanged.After(s.w.Until) && !s.delivered[m.Email] {
			s.t.Fatalf("%+v has passed a member of %s %s", c, m.LastChanged, m.Status)
		}
	}
}
