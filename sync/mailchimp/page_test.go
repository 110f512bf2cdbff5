package mailchimp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/sync/mailchimp"
)

// A bulk change gives thousands of members one second. Nothing is repeated if nothing changes.
func TestManyMembersInOneSecond(t *testing.T) {
	t.Parallel()
	for _, inclusive := range []bool{true, false} {
		for _, size := range []int{333, 999, 1000} {
			t.Run(fmt.Sprint(inclusive, size), func(t *testing.T) {
				t.Parallel()
				b := setup(t, fakemailchimp.Config{Inclusive: inclusive}, mailchimp.Config{PageSize: size})
				b.fill(0, 10, noon.Add(-time.Hour))
				b.fill(10, 3000, noon)
				b.fill(3010, 10, noon.Add(time.Second))
				b.fill(3020, 10, noon.Add(time.Hour))
				got, err := b.all(t.Context(), day, mailchimp.Cursor{})
				require.NoError(t, err)
				require.Len(t, got.order, 3030)
				require.Len(t, got.times, 3030)
				require.False(t, got.changed)
				again, err := b.all(t.Context(), day, mailchimp.Cursor{})
				require.NoError(t, err)
				require.Equal(t, got.order, again.order)
			})
		}
	}
}

// The cursor moves to a second, so that offsets stay small.
func TestCursorMovesToGaps(t *testing.T) {
	t.Parallel()
	b := setup(t, fakemailchimp.Config{}, mailchimp.Config{PageSize: 100})
	b.fill(0, 99, noon)
	b.fill(99, 100, noon.Add(time.Minute))
	page, err := b.Page(t.Context(), fakemailchimp.List, day, mailchimp.Cursor{})
	require.NoError(t, err)
	require.Equal(t, noon.Add(time.Minute-time.Second), page.Next.Second)
	require.Equal(t, 1, page.Next.Offset)
	require.Equal(t, 100, page.Next.Total)
	require.Equal(t, 199, page.Total)
	page, err = b.Page(t.Context(), fakemailchimp.List, day, page.Next)
	require.NoError(t, err)
	require.Len(t, page.Members, 99)
	require.Equal(t, mailchimp.Cursor{Archived: true}, page.Next)
	page, err = b.Page(t.Context(), fakemailchimp.List, day, mailchimp.Cursor{Done: true})
	require.NoError(t, err)
	require.Equal(t, mailchimp.Page{Next: mailchimp.Cursor{Done: true}}, page)
}

// A window has the members of both its bounds, whatever Mailchimp thinks of bounds.
func TestWindowIsClosed(t *testing.T) {
	t.Parallel()
	w := mailchimp.Window{Since: noon, Until: noon.Add(time.Minute)}
	for _, inclusive := range []bool{true, false} {
		b := setup(t, fakemailchimp.Config{Inclusive: inclusive}, mailchimp.Config{})
		for i, at := range []time.Duration{-2 * time.Second, 0, time.Minute, time.Minute + 2*time.Second} {
			b.fill(i, 1, noon.Add(at))
		}
		got, err := b.all(t.Context(), w, mailchimp.Cursor{})
		require.NoError(t, err)
		require.Equal(t, []string{email(1), email(2)}, got.order)
	}
}

func TestFullLoadAndArchived(t *testing.T) {
	t.Parallel()
	for _, hidden := range []bool{true, false} {
		for _, skip := range []bool{true, false} {
			b := setup(t, fakemailchimp.Config{HideArchived: hidden}, mailchimp.Config{SkipArchived: skip})
			b.fill(0, 5, noon.Add(-1000*24*time.Hour))
			b.fake.Put(fakemailchimp.Member{Email: email(5), LastChanged: noon, Status: "archived"})
			got, err := b.all(t.Context(), mailchimp.NextWindow(time.Time{}, noon.Add(time.Hour)), mailchimp.Cursor{})
			require.NoError(t, err)
			want := 6
			if hidden && skip {
				want = 5
			}
			require.Len(t, got.times, want)
			if want == 6 {
				require.Equal(t, mailchimp.StatusArchived, got.members[email(5)].Status)
			}
		}
	}
}

func TestNextWindow(t *testing.T) {
	t.Parallel()
	now := noon.Add(300 * time.Millisecond)
	require.Equal(t, mailchimp.Window{Until: noon.Add(-mailchimp.Settle)}, mailchimp.NextWindow(time.Time{}, now))
	w := mailchimp.NextWindow(noon.Add(-time.Hour), now)
	require.Equal(t, noon.Add(-time.Hour-mailchimp.Overlap), w.Since)
	require.Equal(t, mailchimp.Window{}, mailchimp.AllMembers())
}

// Members leave the window while it is read: those after them move forward, and none is skipped.
func TestMembersChangeDuringTheRead(t *testing.T) {
	t.Parallel()
	const all = 2000
	for name, leave := range map[string][]int{
		"one of the start": {1, 0}, "those of the start": {300, 0}, "more than a page": {900, 0},
		"the last delivered": {3, 497}, "all delivered ones": {500, 0}, "undelivered ones": {200, 700},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b *bundle
			left := map[string]bool{}
			b = setup(t, fakemailchimp.Config{Before: func(n int) {
				if n != 2 {
					return
				}
				for _, m := range b.fake.Members()[leave[1] : leave[0]+leave[1]] {
					left[m.Email] = true
					m.LastChanged = day.Until.Add(time.Hour)
					b.fake.Put(m)
				}
			}}, mailchimp.Config{PageSize: 500})
			b.fill(0, all, noon)
			got, err := b.all(t.Context(), day, mailchimp.Cursor{})
			require.NoError(t, err)
			require.True(t, got.changed || got.restarts > 0)
			for i := range all {
				if !left[email(i)] {
					require.Positive(t, got.times[email(i)], i)
				}
			}
			next, err := b.all(t.Context(), mailchimp.NextWindow(day.Until, noon.Add(48*time.Hour)), mailchimp.Cursor{})
			require.NoError(t, err)
			require.Len(t, next.times, len(left))
		})
	}
}

// A member that changes during a scan does not appear to be deleted.
func TestScan(t *testing.T) {
	t.Parallel()
	var b *bundle
	b = setup(t, fakemailchimp.Config{Before: func(n int) {
		if n > 20 {
			return
		}
		m := b.fake.Members()[n%3]
		m.LastChanged = noon.Add(time.Duration(n) * time.Minute)
		b.fake.Put(m)
	}}, mailchimp.Config{PageSize: 50})
	b.fill(0, 700, noon)
	b.fake.Put(fakemailchimp.Member{Email: email(700), Status: "archived", LastChanged: noon})
	b.fake.Delete(email(13))
	ids := map[string]bool{}
	var c mailchimp.Cursor
	for !c.Done {
		page, err := b.Page(t.Context(), fakemailchimp.List, mailchimp.AllMembers(), c)
		require.NoError(t, err)
		for _, m := range page.Members {
			require.Empty(t, m.Email)
			ids[m.ID] = true
		}
		c = page.Next
	}
	require.Len(t, ids, 700)
	gone := fakemailchimp.Member{Email: email(13)}.ID()
	require.False(t, ids[gone])
	is, err := b.Gone(t.Context(), fakemailchimp.List, gone)
	require.NoError(t, err)
	require.True(t, is)
	is, err = b.Gone(t.Context(), fakemailchimp.List, fakemailchimp.Member{Email: email(700)}.ID())
	require.NoError(t, err)
	require.False(t, is)
	_, err = b.Gone(t.Context(), "another", gone)
	require.Equal(t, mailchimp.ClassInput, mailchimp.ClassOf(err))
	_, err = b.Gone(t.Context(), fakemailchimp.List, email(13))
	require.ErrorContains(t, err, "want the MD5")
	private(t, err.Error())
}

// Members that move to the end of an open window are not mistaken for the place of the cursor: they
// would hide that an undelivered one moved forward.
func TestMovedMembersAreNoPlace(t *testing.T) {
	t.Parallel()
	var b *bundle
	b = setup(t, fakemailchimp.Config{Before: func(n int) {
		if n != 2 {
			return
		}
		all := b.fake.Members()
		for _, i := range []int{0, 299} {
			all[i].LastChanged = noon.Add(time.Second)
			b.fake.Put(all[i])
		}
	}}, mailchimp.Config{PageSize: 300, SkipArchived: true})
	b.fill(0, 500, noon)
	ids := map[string]bool{}
	var c mailchimp.Cursor
	for !c.Done {
		page, err := b.Page(t.Context(), fakemailchimp.List, mailchimp.AllMembers(), c)
		require.NoError(t, err)
		for _, m := range page.Members {
			ids[m.ID] = true
		}
		c = page.Next
	}
	require.Len(t, ids, 500)
}

func TestMember(t *testing.T) {
	t.Parallel()
	b := setup(t, fakemailchimp.Config{}, mailchimp.Config{})
	b.fake.Put(fakemailchimp.Member{
		Email: email(1), Status: "unsubscribed", LastChanged: noon, OptedIn: noon.Add(-time.Hour),
		MergeFields: map[string]any{"FNAME": "Ann"}, Tags: make([]string, 60),
	})
	got, err := b.all(t.Context(), day, mailchimp.Cursor{})
	require.NoError(t, err)
	m := got.members[email(1)]
	require.Equal(t, mailchimp.StatusUnsubscribed, m.Status)
	require.Equal(t, noon, m.LastChanged)
	require.Equal(t, noon.Add(-time.Hour), m.OptedIn.UTC())
	require.True(t, m.SignedUp.IsZero())
	require.Equal(t, map[string]any{"FNAME": "Ann"}, m.MergeFields)
	require.True(t, m.TagsTruncated())
	require.NotEmpty(t, m.ContactID)
	require.NotEmpty(t, m.UniqueEmailID)
	private(t, m.String(), fmt.Sprintf("%+v %#v", m, m), m.LogValue().String())
}

// A member that cannot be used is counted, and the others are read.
func TestRejects(t *testing.T) {
	t.Parallel()
	b := setup(t, fakemailchimp.Config{}, mailchimp.Config{PageSize: 2, SkipArchived: true})
	b.fill(0, 5, noon)
	const changed = `"last_changed":"2026-01-02T12:00:00+00:00"`
	raws := []string{
		`7`, `{"id":"` + email(1) + `",` + changed + `}`, `{"id":"ID","last_changed":"yesterday"}`,
		`{"id":"ID",` + changed + `,"status":"new"}`, `{"id":"ID",` + changed + `,"tags":"x"}`,
		`{"id":"ID",` + changed + `,"status":"pending","timestamp_opt":"x"}`,
		`{"id":"ID",` + changed + `,"status":"pending","timestamp_signup":"x"}`,
	}
	for i, raw := range raws {
		raw = strings.ReplaceAll(raw, "ID", fakemailchimp.Member{Email: email(100 + i)}.ID())
		b.fake.Put(fakemailchimp.Member{Email: email(100 + i), LastChanged: noon.Add(time.Duration(i) * time.Minute), Raw: raw})
	}
	w := mailchimp.Window{Since: noon.Add(-time.Hour), Until: noon.Add(time.Hour)}
	got, err := b.all(t.Context(), w, mailchimp.Cursor{})
	require.NoError(t, err)
	require.Len(t, got.times, 5)
	require.Len(t, got.rejects, len(raws))
	for _, r := range got.rejects {
		require.NotEmpty(t, r.Reason)
		private(t, r.Reason, r.Fingerprint)
	}
}
