package syncing_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/internal/fakefault"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// set changes the settings of the sync.
func (b *bundle) set(t *testing.T, settings string) {
	t.Helper()
	_, err := b.rows.Change(t.Context(), "news", func(s *syncstore.Sync) error {
		s.Settings = json.RawMessage(settings)
		return nil
	})
	require.NoError(t, err)
}

// full makes the next run a full load.
func (b *bundle) full(t *testing.T) {
	t.Helper()
	_, err := b.rows.Change(t.Context(), "news", func(s *syncstore.Sync) error {
		s.LatestTimestamp = nil
		return nil
	})
	require.NoError(t, err)
}

// put adds or replaces a member.
func (b *bundle) put(i int, status string, at time.Time) {
	b.mailchimp.Put(fakemailchimp.Member{
		Email: fmt.Sprintf("member-%d@example.com", i), Status: status, LastChanged: at, OptedIn: at,
	})
}

// counts returns the last comparison of the sync.
func (b *bundle) counts(t *testing.T) syncstore.Counts {
	t.Helper()
	counts, ok, err := b.rows.LastCounts(t.Context(), "news")
	require.NoError(t, err)
	require.True(t, ok)
	return counts
}

// A full load agrees with the counts of the source by status, however often it is compared; rejected and archived
// members, and those that change meanwhile, are no difference.
func TestCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := now.Add(-time.Hour)
	b.fill(0, 120, old)
	for i, status := range []string{"unsubscribed", "unsubscribed", "cleaned", "archived", "pending"} {
		b.put(200+i, status, old)
	}
	b.mailchimp.Put(fakemailchimp.Member{
		Email: "large@example.com", LastChanged: old, MergeFields: map[string]any{"FNAME": strings.Repeat("x", 61_000)},
	})
	require.EqualValues(t, 124, *b.cycle(t).SourceCount)
	c := b.counts(t)
	require.Zero(t, c.Difference)
	require.JSONEq(t, `{"subscribed":120,"unsubscribed":2,"cleaned":1,"archived":1,"pending":1}`, string(c.CountsRead))
	require.JSONEq(t, `{"subscribed":121,"unsubscribed":2,"cleaned":1}`, string(c.CountsAfter))
	require.JSONEq(t, string(c.CountsAfter), string(c.CountsBefore))
	require.EqualValues(t, 1, c.Rejected)
	// The sets of the pages are with the scan: a repetition has the same result.
	again, err := b.Count(t.Context(), syncacts.RunRef{Sync: "news", RunID: c.RunID})
	require.NoError(t, err)
	require.EqualValues(t, 124, *again.SourceCount)
	require.Equal(t, c, b.counts(t))
	// An update is not compared.
	b.cycle(t)
	require.Equal(t, c.RunID, b.counts(t).RunID)

	// Members that change after the end of the window are in the next one.
	b.full(t)
	for i := range 5 {
		b.put(i, "unsubscribed", now.Add(time.Minute))
	}
	b.cycle(t)
	c = b.counts(t)
	require.Zero(t, c.Difference)
	require.EqualValues(t, 5, c.Changed)
}

// Counts that differ are recorded, and raise an alarm beyond max_missing.
func TestCountsDiffer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 100, now.Add(-time.Hour))
	answer := func(subscribed int) {
		b.mailchimp.Clear()
		b.mailchimp.Inject(fakefault.Fault{Method: "list", Status: 200, Type: "application/json", Body: fmt.Sprintf(
			`{"id":%q,"stats":{"member_count":%d,"unsubscribe_count":0,"cleaned_count":0}}`, fakemailchimp.List, subscribed)})
	}
	answer(104)
	b.cycle(t)
	c := b.counts(t)
	require.EqualValues(t, 4, c.Difference)
	require.False(t, c.Exceeded)
	answer(120)
	b.full(t)
	b.cycle(t)
	c = b.counts(t)
	require.EqualValues(t, 20, c.Difference)
	require.True(t, c.Exceeded)
	// The next full load that agrees ends the alarm.
	b.mailchimp.Clear()
	b.full(t)
	b.cycle(t)
	require.False(t, b.counts(t).Exceeded)
}

// A trial of a part of a list is not compared.
func TestCountsOfPart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, `{"start_offset":90}`)
	b.fill(0, 100, now.Add(-time.Hour))
	progress := b.cycle(t)
	require.EqualValues(t, 10, progress.Delivered)
	require.EqualValues(t, 100, *progress.SourceCount)
	_, ok, err := b.rows.LastCounts(t.Context(), "news")
	require.NoError(t, err)
	require.False(t, ok)
}

// held returns the keys of the records that are held as opted out.
func (b *bundle) held(t *testing.T) (keys []string) {
	t.Helper()
	rows, err := b.rows.Held(t.Context(), "news", syncstore.HeldFilter{}, 0, 100)
	require.NoError(t, err)
	for _, r := range rows {
		keys = append(keys, r.Key)
	}
	n, err := b.rows.CountHeld(t.Context(), "news")
	require.NoError(t, err)
	require.EqualValues(t, len(rows), n)
	return keys
}

// Members who subscribe again after an opt-out was delivered are named until they opt out again or an opt-in is
// forced, also after a deletion.
func TestHeldOptedOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := func(i int) string { return fakemailchimp.Member{Email: fmt.Sprintf("member-%d@example.com", i)}.ID() }
	hour := 0
	update := func(status string, members ...int) {
		hour++
		at := now.Add(time.Duration(hour) * time.Hour)
		b.clock = at.Add(time.Minute)
		for _, i := range members {
			b.put(i, status, at)
		}
		b.cycle(t)
	}
	b.fill(0, 20, now.Add(-time.Hour))
	b.cycle(t)
	require.Empty(t, b.held(t))
	update("unsubscribed", 1, 2)
	require.Empty(t, b.held(t))
	update("subscribed", 1, 2, 3)
	require.ElementsMatch(t, []string{id(1), id(2)}, b.held(t))
	update("unsubscribed", 1)
	require.Equal(t, []string{id(2)}, b.held(t))
	b.set(t, `{"force_optin":true}`)
	update("subscribed", 2)
	require.Empty(t, b.held(t))
	b.set(t, `{}`)
	update("subscribed", 2)
	require.Empty(t, b.held(t), "the opt-in was forced")

	// A member that was deleted permanently signs up again.
	b.mailchimp.Delete("member-7@example.com")
	for day := 1; day <= 2; day++ {
		b.clock = time.Now().Add(time.Duration(day) * 25 * time.Hour)
		b.cycle(t)
	}
	b.put(7, "subscribed", b.clock.Add(time.Minute))
	b.clock = b.clock.Add(time.Hour)
	b.cycle(t)
	require.Equal(t, []string{id(7)}, b.held(t))
}

// The set of opt-outs stays the same when its changes are merged.
func TestOptOutsAreMerged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, `{"items_per_request":1}`)
	for i := range 130 {
		b.put(i, "unsubscribed", now.Add(-time.Hour))
	}
	b.cycle(t)
	b.clock = now.Add(time.Hour)
	b.put(5, "subscribed", now.Add(30*time.Minute))
	b.cycle(t)
	require.Len(t, b.held(t), 1)
	_, changes, err := b.rows.OptOuts(t.Context(), "news")
	require.NoError(t, err)
	require.Empty(t, changes)
	b.clock = now.Add(2 * time.Hour)
	b.put(6, "subscribed", now.Add(90*time.Minute))
	b.cycle(t)
	require.Len(t, b.held(t), 2)
}

// Pages that are wholly rejected stop a run; it continues after them on command.
func TestStop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// The mapping refuses all members but the last.
	b.set(t, `{"items_per_request":10,"max_rejected_pages":3,"worker_count":1,"mapping":{
		"@type":"\"contact\"","id":"data.email_address == \"good@example.com\" ? data.unique_email_id : nil","email":"data.email_address"}}`)
	b.fill(0, 50, now.Add(-2*time.Hour))
	b.mailchimp.Put(fakemailchimp.Member{Email: "good@example.com", LastChanged: now.Add(-time.Hour)})
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	ref := syncacts.RunRef{Sync: "news", RunID: begun.RunID}
	progress, err := b.Pages(t.Context(), ref)
	require.NoError(t, err)
	require.Contains(t, progress.Stopped, "the last 3 pages were wholly rejected")
	require.EqualValues(t, 30, progress.Rejected)
	same, err := b.Pages(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, progress, same, "it stays stopped")
	begun, err = b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	require.Equal(t, progress.Stopped, begun.Stopped)
	begun, err = b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news", Continue: true})
	require.NoError(t, err)
	require.Equal(t, ref.RunID, begun.RunID)
	require.Empty(t, begun.Stopped)
	progress, err = b.Pages(t.Context(), ref)
	require.NoError(t, err)
	require.True(t, progress.Done, "two more pages, and one with a record that is delivered")
	require.EqualValues(t, 51, progress.Read)
	require.EqualValues(t, 1, progress.Delivered)
	ended, err := b.End(t.Context(), syncacts.EndRequest{RunID: ref.RunID})
	require.NoError(t, err)
	require.Empty(t, ended.Failed)
}

// A full load of which nothing was delivered is no success.
func TestFullLoadRejected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, `{"mapping":{"@type":"\"contact\"","id":"nil"}}`)
	b.fill(0, 5, now.Add(-time.Hour))
	require.Equal(t, "all 5 records of the full load were rejected: `sluice sync rejects news` has the reasons", b.cycle(t).Failed)
	require.Nil(t, b.news(t).LatestTimestamp)
}
