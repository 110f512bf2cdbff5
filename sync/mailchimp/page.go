package mailchimp

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Page is a page of members.
type Page struct {
	Members []Member
	// Rejects are members that cannot be used. They count as read.
	Rejects []Reject
	// Next is the cursor after this page. Store it after the page was delivered.
	Next Cursor
	// Total is the number of members of the window that follow the cursor's second, as of this page.
	Total int
	// Changed means that the list has changed since the last page: this one may repeat members.
	Changed bool
}

// Page returns the page of a window at a cursor. Every member that was changed in the window and not
// since is delivered at least once; a member that changes during the read is in the next window. The
// same cursor returns the same page, or a page that says Changed, or a ChangedError. The next window
// starts at the end of this one: see NextWindow. Page does not retry; errors are of type *Error or
// *ChangedError.
//
// Members of one second are read by offset. If some of them leave the second, those after them move
// forward; therefore each request starts at the last delivered member, and the response must contain
// it or one of its predecessors.
func (r *Reader) Page(ctx context.Context, list string, w Window, c Cursor) (Page, error) {
	pages, err := r.Pages(ctx, list, w, c, 1)
	if err != nil {
		return Page{}, err
	}
	return pages[0], nil
}

// How far Page looks back for the last delivered members.
const (
	minBack = 100
	maxBack = MaxPageSize / 2
)

// fetch requests members at an offset.
func (r *Reader) fetch(ctx context.Context, list string, w Window, c Cursor, at, count int) (answer, error) {
	count = min(count, MaxPageSize)
	want := expected{list: list, offset: at, count: count, since: c.since(w), before: w.before()}
	query := url.Values{
		"fields": {memberFields}, "count": {strconv.Itoa(count)}, "offset": {strconv.Itoa(at)},
		"sort_field": {"last_changed"}, "sort_dir": {"ASC"},
	}
	if w == AllMembers() {
		query.Set("fields", scanFields)
	}
	if !want.since.IsZero() {
		query.Set("since_last_changed", stamp(want.since))
	}
	if !want.before.IsZero() {
		query.Set("before_last_changed", stamp(want.before))
	}
	if c.Archived {
		query.Set("status", string(StatusArchived))
	}
	body, err := r.get(ctx, opRead, "/lists/"+list+"/members", query)
	if err != nil {
		return answer{}, err
	}
	a, err := parseAnswer(body, want)
	if n := int64(len(a.items)); n > 0 {
		r.memberBytes.Store(int64(len(body)) / n)
	}
	return a, err
}

// placed reports whether all members before a response were delivered: there are none, or the
// response contains one of the last delivered members, unchanged.
func (c Cursor) placed(at int, a answer) bool {
	return at == 0 || slices.ContainsFunc(a.items, func(it item) bool { return slices.Contains(c.Trail, it.mark) })
}

// adjacent reports whether a response starts at the last delivered member.
func (c Cursor) adjacent(at int, a answer) bool {
	n := len(c.Trail)
	return n > 0 && at == c.Offset-1 && len(a.items) > 0 && a.items[0].mark == c.Trail[n-1]
}

// confirmEmpty checks an empty full load: no response must empty the other side by mistake. It is
// right if the list is empty, or if all members have changed since the end of the window.
func (r *Reader) confirmEmpty(ctx context.Context, list string, w Window, c Cursor, a answer) error {
	if a.total > 0 || c.Archived || c.Offset > 0 || !c.since(w).IsZero() {
		return nil
	}
	stats, err := r.Stats(ctx, list)
	if err != nil {
		return err
	}
	n := stats.Members + stats.Unsubscribed + stats.Cleaned
	if n == 0 {
		return nil
	}
	if !w.Until.IsZero() {
		all, err := r.fetch(ctx, list, AllMembers(), Cursor{}, 0, 1)
		if err != nil {
			return err
		}
		if len(all.items) > 0 && all.items[0].at.After(w.Until) {
			return nil
		}
	}
	return bad(opRead, "the response has no members, but the list has %d", n)
}

// page makes a page of a response at an offset.
func (r *Reader) page(c Cursor, at int, a answer) Page {
	p := Page{Total: a.total, Next: c.after(at, a)}
	fresh := a.items
	switch {
	case c.adjacent(at, a):
		fresh, p.Changed = fresh[1:], a.total != c.Total
	case len(c.Trail) > 0:
		p.Changed = true
	}
	for _, it := range fresh {
		if it.fault != nil {
			p.Rejects = append(p.Rejects, Reject{ID: it.id, Fingerprint: it.key, Reason: it.fault.Error()})
			continue
		}
		p.Members = append(p.Members, it.member)
	}
	if at+len(a.items) >= a.total {
		p.Next = Cursor{Archived: true, Done: c.Archived || r.cfg.SkipArchived}
	}
	return p
}

// after returns the cursor after a response. Its second is the one before the last gap in time, so
// that offsets stay small; without a gap it stays, and the offset grows.
func (c Cursor) after(at int, a answer) Cursor {
	next := Cursor{Archived: c.Archived, Second: c.Second, Offset: at + len(a.items), Total: a.total}
	start := 0
	for i := len(a.items) - 1; i > 0; i-- {
		before, here := a.items[i-1].at, a.items[i].at
		if !before.IsZero() && !here.IsZero() && here.Sub(before) >= 2*time.Second {
			next.Second, next.Offset, next.Total, start = here.Add(-time.Second), len(a.items)-i, a.total-at-i, i
			break
		}
	}
	if start == 0 && c.adjacent(at, a) {
		next.Trail = slices.Clone(c.Trail[:len(c.Trail)-1])
	}
	for _, it := range a.items[start:] {
		next.Trail = append(next.Trail, it.mark)
	}
	if len(next.Trail) > maxTrail {
		next.Trail = next.Trail[len(next.Trail)-maxTrail:]
	}
	return next
}
