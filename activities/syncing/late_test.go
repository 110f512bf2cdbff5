package syncing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/internal/fakefault"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// lateMapping sends last names as they are: the target accepts a number, and rejects it later.
const lateMapping = `{"items_per_request":50,"mapping":{"@type":"\"contact\"","id":"data.unique_email_id",
	"email":"data.email_address","lastname":"data.merge_fields?.LNAME"}}`

// putLast adds members with last names.
func (b *bundle) putLast(at time.Time, names map[int]any) {
	for i, name := range names {
		b.mailchimp.Put(fakemailchimp.Member{
			Email: fmt.Sprintf("member-%d@example.com", i), LastChanged: at, MergeFields: map[string]any{"LNAME": name},
		})
	}
}

// late returns the late errors of the sync.
func (b *bundle) late(t *testing.T) []syncstore.LateErrors {
	t.Helper()
	late, err := b.rows.LateErrors(t.Context(), "news", 100)
	require.NoError(t, err)
	return late
}

// read lets the next reading of late errors be due.
func (b *bundle) read(t *testing.T) {
	t.Helper()
	_, err := b.sql.Exec(t.Context(), "UPDATE sync_audits SET read_at = read_at - interval '5 minutes'")
	require.NoError(t, err)
}

// Errors of the later validation are counted once, and tied to the pages of their time.
func TestLateErrors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, lateMapping)
	b.fill(0, 120, now.Add(-time.Hour))
	b.putLast(now.Add(-30*time.Minute), map[int]any{3: 7, 4: 8})
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	ref := syncacts.RunRef{Sync: "news", RunID: begun.RunID}
	_, err = b.Pages(t.Context(), ref)
	require.NoError(t, err)
	require.Empty(t, b.late(t), "the first reading was a moment ago")
	_, err = b.End(t.Context(), syncacts.EndRequest{RunID: ref.RunID})
	require.NoError(t, err)
	audited, err := b.Audit(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, 2, audited.New)
	again, err := b.Audit(t.Context(), ref)
	require.NoError(t, err)
	require.Zero(t, again.New)
	late := b.late(t)
	require.Len(t, late, 1)
	require.EqualValues(t, 2, late[0].Errors)
	require.True(t, late[0].Exact)
	require.JSONEq(t, `[{"message":"not a valid value","path":"root > lastname","count":2}]`, string(late[0].Reasons))
	require.Equal(t, []int64{ref.RunID, 1, 3, 1}, []int64{late[0].RunID, late[0].FirstPage, late[0].LastPage, late[0].Runs})

	// The errors of a later run may be about this one, too: its pages were delivered shortly before.
	b.clock = now.Add(time.Hour)
	b.putLast(now.Add(30*time.Minute), map[int]any{5: 9})
	b.read(t)
	b.cycle(t)
	_, err = b.Audit(t.Context(), syncacts.RunRef{Sync: "news", RunID: ref.RunID + 1})
	require.NoError(t, err)
	late = b.late(t)
	require.Len(t, late, 3)
	require.EqualValues(t, 1, late[0].Errors)
	require.EqualValues(t, 2, late[0].Runs)
	runs, err := b.rows.History(t.Context(), "news", syncstore.RunFilter{}, 0, 10)
	require.NoError(t, err)
	counts, err := b.rows.CountLateErrors(t.Context(), runs)
	require.NoError(t, err)
	require.Equal(t, map[int64]int64{ref.RunID: 3, ref.RunID + 1: 1}, counts)
}

// A target whose late errors cannot be read is delivered to all the same, and the run says so.
func TestLateErrorsFail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 10, now.Add(-time.Hour))
	b.ometria.Inject(fakefault.Fault{Method: "errors", Status: 403, Type: "application/json", Body: `{"message":"no access for a@example.com"}`})
	require.EqualValues(t, 10, b.cycle(t).Delivered)
	runs, err := b.rows.History(t.Context(), "news", syncstore.RunFilter{}, 0, 1)
	require.NoError(t, err)
	require.Contains(t, runs[0].AuditError, "403")
	noAddress(t, runs[0].AuditError)
	b.ometria.Clear()
	_, err = b.Audit(t.Context(), syncacts.RunRef{Sync: "news", RunID: runs[0].ID})
	require.NoError(t, err)
	runs, err = b.rows.History(t.Context(), "news", syncstore.RunFilter{}, 0, 1)
	require.NoError(t, err)
	require.Empty(t, runs[0].AuditError)
	skipped, err := b.Audit(t.Context(), syncacts.RunRef{Sync: "news", RunID: 99})
	require.NoError(t, err)
	require.True(t, skipped.Skipped, "the run is not kept any more")
}

// findPage begins a search, and continues it until it is complete.
func (b *bundle) findPage(t *testing.T, run, page int64) syncacts.RunRef {
	t.Helper()
	find := &syncacts.PageRef{RunID: run, Page: page}
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news", RequestedBy: "ann", Find: find})
	require.NoError(t, err)
	require.Equal(t, find, begun.Find)
	return syncacts.RunRef{Sync: "news", RunID: begun.RunID}
}

// A search finds the records of a page that were rejected later, also after interruptions and a scan, and no other;
// it does not change how current the sync is.
func TestFind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, lateMapping)
	b.fill(0, 50, now.Add(-2*time.Hour))
	b.fill(50, 100, now.Add(-time.Hour))
	b.cycle(t)
	_, scanned, err := b.rows.LastScan(t.Context(), "news")
	require.NoError(t, err)
	require.True(t, scanned)
	// Two of the second page, and one of the first.
	for i, name := range map[int]any{3: 1, 60: 2, 77: 3} {
		at := now.Add(-2 * time.Hour)
		if i >= 50 {
			at = now.Add(-time.Hour)
		}
		b.putLast(at, map[int]any{i: name})
	}
	before := b.news(t)
	ref := b.findPage(t, 1, 2)
	b.mailchimp.Inject(fakefault.Fault{Method: "member", Status: 429, RetryAfter: 120, Skip: 20, Times: 1})
	_, err = b.Find(t.Context(), ref)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, 2*time.Minute, app.NextRetryDelay())
	b.ometria.Inject(fakefault.Fault{Method: "push", Status: 401, Skip: 3, Times: 1})
	_, err = b.Find(t.Context(), ref)
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	kept, err := b.rows.Run(t.Context(), ref.RunID)
	require.NoError(t, err)
	require.EqualValues(t, 3, kept.Pages, "what was searched is stored")
	progress, err := b.Find(t.Context(), ref)
	require.NoError(t, err)
	require.True(t, progress.Done)
	require.Equal(t, []int64{50, 2, 48}, []int64{progress.Read, progress.Rejected, progress.Delivered})
	require.LessOrEqual(t, progress.Pages, int64(1+2*7))
	same, err := b.Find(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, progress, same)
	_, err = b.End(t.Context(), syncacts.EndRequest{RunID: ref.RunID})
	require.NoError(t, err)
	rows, err := b.rows.Rejects(t.Context(), "news", syncstore.RejectFilter{}, 0, 10)
	require.NoError(t, err)
	var keys []string
	for _, r := range rows {
		keys = append(keys, r.Key)
		require.Equal(t, "accepted, and rejected later: not a valid value at root > lastname", r.Reason)
		require.Equal(t, ref.RunID, *r.RunID)
	}
	id := func(i int) string { return fakemailchimp.Member{Email: fmt.Sprintf("member-%d@example.com", i)}.ID() }
	require.ElementsMatch(t, []string{id(60), id(77)}, keys)
	after := b.news(t)
	require.Equal(t, []any{before.LatestTimestamp, before.CurrentTo, before.TotalUpdates, before.SucceededAt},
		[]any{after.LatestTimestamp, after.CurrentTo, after.TotalUpdates, after.SucceededAt})

	// Its own errors belong to no page.
	b.read(t)
	audited, err := b.Audit(t.Context(), syncacts.RunRef{Sync: "news", RunID: 1})
	require.NoError(t, err)
	require.Zero(t, audited.New)
	var dump string
	require.NoError(t, b.sql.QueryRow(t.Context(), `SELECT concat((SELECT json_agg(r) FROM sync_rejects r),
		(SELECT json_agg(r) FROM sync_runs r), (SELECT json_agg(r) FROM sync_audits r))`).Scan(&dump))
	noAddress(t, dump)
}

// A page that cannot be searched fails permanently, with what is wrong.
func TestFindRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 10, now.Add(-time.Hour))
	b.cycle(t)
	ref := b.findPage(t, 1, 99)
	_, err := b.Find(t.Context(), ref)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), "page 1/99 has no delivered records, or is older than 168h0m0s")
	// Another run begins after the search has ended.
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	require.Equal(t, ref.RunID, begun.RunID)
	_, err = b.End(t.Context(), syncacts.EndRequest{RunID: ref.RunID, Error: app.Message(), Class: "permanent"})
	require.NoError(t, err)
	begun, err = b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	require.Nil(t, begun.Find)

	// The records of an old page are removed by the next scan.
	_, err = b.End(t.Context(), syncacts.EndRequest{RunID: begun.RunID, Error: "x", Class: "permanent"})
	require.NoError(t, err)
	_, err = b.rows.PageIDs(t.Context(), 1, 1)
	require.NoError(t, err)
	_, err = b.sql.Exec(t.Context(), `UPDATE sync_pages SET stored_at = now() - interval '8 days';
		UPDATE sync_known SET scanned_at = '2020-01-01'`)
	require.NoError(t, err)
	b.clock = now.Add(time.Hour)
	b.cycle(t)
	_, err = b.rows.PageIDs(t.Context(), 1, 1)
	require.ErrorContains(t, err, "records of page 1/1")
}

// The errors of a list that is full of equal ones cannot be distinguished: the search says so, and finds nothing by chance.
func TestFindInFullList(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, strings.Replace(lateMapping, "50", "200", 1))
	names := map[int]any{}
	for i := range 90 {
		names[i] = i
	}
	b.fill(90, 200, now.Add(-time.Hour))
	b.putLast(now.Add(-time.Hour), names)
	b.cycle(t)
	_, err := b.Find(t.Context(), b.findPage(t, 1, 1))
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), "the target lists its latest 100 errors only, and new ones cannot be distinguished from them")
	rejects, err := b.rows.CountRejects(t.Context(), "news")
	require.NoError(t, err)
	require.Zero(t, rejects)
}
