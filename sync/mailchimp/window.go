package mailchimp

import (
	"time"
)

// Defaults of NextWindow.
const (
	// Overlap is how far a window reaches back into the one before it, for members whose change
	// became visible late.
	Overlap = 5 * time.Minute
	// Settle is how long a second must have passed before a window includes it.
	Settle = 10 * time.Second
)

// Window is a range of last_changed, closed at both ends, in whole seconds. The API does not document
// whether its bounds are inclusive: the reader requests one second more on both sides, and may deliver
// members changed in these.
type Window struct {
	// Since is the first second. Its zero value reads all members: a full load.
	Since time.Time `json:"since,omitzero"`
	// Until is the last second. Its zero value leaves the window open, for a scan of all members.
	Until time.Time `json:"until,omitzero"`
}

// NextWindow returns the window after one that ended at until, a zero time for the first one. now is
// the current time.
func NextWindow(until, now time.Time) Window {
	w := Window{Until: now.Add(-Settle).UTC().Truncate(time.Second)}
	if !until.IsZero() {
		w.Since = until.Add(-Overlap).UTC().Truncate(time.Second)
	}
	return w
}

// AllMembers returns the window of a scan of all members, to find permanent deletions. It is open at
// its end, because a member that changes during the scan must not appear to be deleted.
func AllMembers() Window { return Window{} }

func (w Window) check() error {
	const op = "read members"
	if !w.Since.IsZero() && w.Until.IsZero() {
		return wrong(op, "the window has a start and no end: want both, only an end, or none")
	}
	for _, t := range []time.Time{w.Since, w.Until} {
		if t.Nanosecond() != 0 {
			return wrong(op, "the window's bound %s: want whole seconds", t.UTC().Format(time.RFC3339Nano))
		}
	}
	if w.Until.Before(w.Since) {
		return wrong(op, "the window ends at %s before it starts at %s", stamp(w.Until), stamp(w.Since))
	}
	return nil
}

// before is the value of before_last_changed, zero for none.
func (w Window) before() time.Time {
	if w.Until.IsZero() {
		return time.Time{}
	}
	return w.Until.Add(time.Second)
}

// Cursor is a place in a window: all members before it were delivered. It belongs to one list and one
// window, and has no personal data. Store it after the delivery of the page. The zero value is the
// start of a window.
type Cursor struct {
	// Archived is the second pass, which reads archived members.
	Archived bool `json:"archived,omitempty"`
	// Second is the value of since_last_changed: a second without members, so that it does not matter
	// whether the bound is inclusive. Zero is the start of the window.
	Second time.Time `json:"second,omitzero"`
	// Offset is the number of members after Second that were delivered.
	Offset int `json:"offset,omitempty"`
	// Total is the number of members after Second at the time of the last page.
	Total int `json:"total,omitempty"`
	// Trail has fingerprints of the last delivered members, the newest last. The next page must
	// follow one of them.
	Trail []string `json:"trail,omitempty"`
	// Done means that the window was read completely.
	Done bool `json:"done,omitempty"`
}

// maxTrail is the length of Trail: as many members may change at once without a repetition of the
// second.
const maxTrail = 8

func (c Cursor) check() error {
	switch {
	case c.Offset < 0 || c.Total < 0 || c.Second.Nanosecond() != 0 || len(c.Trail) > maxTrail || len(c.Trail) > c.Offset,
		c.Offset > 0 && len(c.Trail) == 0:
		return wrong("read members", "the cursor is not valid: want one that a page returned")
	default:
		return nil
	}
}

// since is the value of since_last_changed, zero for none.
func (c Cursor) since(w Window) time.Time {
	if c.Second.IsZero() && !w.Since.IsZero() {
		return w.Since.Add(-time.Second)
	}
	return c.Second
}

// stamp formats a time as the API wants it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
