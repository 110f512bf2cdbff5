package syncing_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/syncing"
)

// Pages that are wholly rejected stop a run, unless one between them was not; a run that has stopped continues on
// request only.
func TestStop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.begin(t)
	refused := page(`{}`, false)
	refused.Read, refused.Rejected, refused.StopAfter = 2, 2, 3
	advance := func(p syncing.Page) bool {
		stopped, err := b.Advance(b.ctx, run, []syncing.Page{p})
		require.NoError(t, err)
		return stopped
	}
	empty := page(`{}`, false)
	stops := []bool{}
	for _, p := range []syncing.Page{refused, refused, page(`{}`, false, "a"), refused, empty, refused, refused} {
		stops = append(stops, advance(p))
	}
	require.Equal(t, []bool{false, false, false, false, false, false, true}, stops)
	stopped, err := b.Run(b.ctx, run.ID)
	require.NoError(t, err)
	require.NotNil(t, stopped.StoppedAt)
	require.EqualValues(t, 3, stopped.RejectedPages)
	begin := func(proceed bool) syncing.Run {
		now, created, err := b.Begin(b.ctx, syncing.NewRun{
			Sync: "news", Version: 1, Kind: syncing.KindFull, Until: until, Continue: proceed,
		})
		require.NoError(t, err)
		require.False(t, created)
		return now
	}
	require.NotNil(t, begin(false).StoppedAt)
	require.Nil(t, begin(true).StoppedAt)
	require.False(t, advance(refused))
	last := refused
	last.Done = true
	require.False(t, advance(refused))
	require.False(t, advance(last), "nothing is left to be stopped")
}

// The first counts before a run stay, and a comparison stays until that of a later run.
func TestCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.begin(t)
	for _, text := range []string{`{"subscribed":1}`, `{"subscribed":2}`} {
		require.NoError(t, b.NoteCounts(b.ctx, run.ID, json.RawMessage(text)))
	}
	now, err := b.Run(b.ctx, run.ID)
	require.NoError(t, err)
	require.JSONEq(t, `{"subscribed":1}`, string(now.CountsBefore))
	_, ok, err := b.LastCounts(b.ctx, "news")
	require.NoError(t, err)
	require.False(t, ok)
	save := func(run, difference int64) {
		require.NoError(t, b.SaveCounts(b.ctx, syncing.Compared{
			Sync: "news", RunID: run, Read: json.RawMessage(`{}`), Before: json.RawMessage(`{}`), After: json.RawMessage(`{"a":1}`),
			Difference: difference, Exceeded: difference > 0,
		}))
	}
	save(run.ID, 1)
	save(run.ID, 2)
	counts, ok, err := b.LastCounts(b.ctx, "news")
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 1, counts.Difference)
	save(run.ID+1, 0)
	counts, _, err = b.LastCounts(b.ctx, "news")
	require.NoError(t, err)
	require.False(t, counts.Exceeded)
	require.NoError(t, b.advance(run, page(`{"at":1}`, false, "a")))
	require.NoError(t, b.advance(run, page(`{"at":2}`, true, "b")))
	var sets []string
	require.NoError(t, b.EachRunIDs(b.ctx, run.ID, func(ids []byte) error {
		sets = append(sets, string(ids))
		return nil
	}))
	require.Equal(t, []string{`{"at":1}`, `{"at":2}`}, sets)
}

// What is found about several syncs is read at once.
func TestFindingsOf(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Create(b.ctx, newSync("other"))
	require.NoError(t, err)
	for i, name := range []string{"news", "other"} {
		b.exec(t, `INSERT INTO sync_counts (sync, run_id, counts_read, counts_before, counts_after, changed, rejected, difference,
			exceeded) VALUES ($1, 1, '{}', '{}', '{}', 0, 0, $2, false)`, name, i)
		b.exec(t, "INSERT INTO sync_held (sync, key) SELECT $1, 'key ' || n FROM generate_series(0, $2) n", name, i)
		b.exec(t, `WITH r AS (INSERT INTO sync_runs (sync, kind, until, sync_version) VALUES ($1, 'full', now(), 1) RETURNING id),
			e AS (INSERT INTO sync_late_errors (account, since, until, errors, exact, reasons)
				SELECT 'ometria:om', now(), statement_timestamp(), n, true, '[]' FROM generate_series(1, 3) n RETURNING id)
			INSERT INTO sync_late_error_pages SELECT e.id, r.id, 1, 2 FROM e, r`, name)
	}
	names := []string{"news", "other", "missing"}
	counts, err := b.CountsOf(b.ctx, names)
	require.NoError(t, err)
	require.Len(t, counts, 2)
	require.EqualValues(t, 1, counts["other"].Difference)
	held, err := b.HeldOf(b.ctx, names)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"news": 1, "other": 2}, held)
	late, err := b.LateErrorsOf(b.ctx, names, 2)
	require.NoError(t, err)
	require.Len(t, late, 2)
	require.Equal(t, []int64{3, 2}, []int64{late["news"][0].Errors, late["news"][1].Errors}, "the latest of each")
	require.Len(t, late["other"], 2)
	one, err := b.LateErrors(b.ctx, "other", 2)
	require.NoError(t, err)
	require.Equal(t, late["other"], one)
	require.EqualValues(t, 1, one[0].Runs)
}

// What records say is recorded with their page, and changes of the set are merged once.
func TestConsents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.begin(t)
	p := page(`{}`, false, "a", "b")
	p.Consents = syncing.Consents{Change: []byte("1"), Held: []string{"a"}, Freed: []string{"b"}}
	require.NoError(t, b.advance(run, p))
	require.NoError(t, b.SettleRetries(b.ctx, syncing.Settled{
		Sync: "news", RunID: run.ID, Done: []string{"b"},
		Consents: syncing.Consents{Change: []byte("2"), Held: []string{"a", "b"}},
	}))
	held, err := b.Held(b.ctx, "news", syncing.HeldFilter{}, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, []string{held[0].Key, held[1].Key})
	require.NoError(t, b.SaveScan(b.ctx, syncing.Scanned{Sync: "news", Consents: syncing.Consents{Change: []byte("3"), Freed: []string{"a"}}}))
	n, err := b.CountHeld(b.ctx, "news")
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	merge := func(set []byte, changes [][]byte) ([]byte, error) {
		return slices.Concat(set, slices.Concat(changes...)), nil
	}
	for range 2 {
		require.NoError(t, b.MergeOptOuts(b.ctx, "news", merge))
		set, changes, err := b.OptOuts(b.ctx, "news")
		require.NoError(t, err)
		require.Equal(t, "123", string(set))
		require.Empty(t, changes)
	}
}
