package warehouse_test

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/warehouse"
)

// syncRange is a range of run 7 of the sync news.
func syncRange(from, to, repair uint64) warehouse.SyncRange {
	return warehouse.SyncRange{
		Sync: "news", RunID: 7, From: from, To: to, StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Repair: repair,
	}
}

// changesOf returns so many rows for each Seq of a range.
func changesOf(r warehouse.SyncRange, each uint32) iter.Seq[warehouse.SyncChange] {
	return func(yield func(warehouse.SyncChange) bool) {
		for seq := r.From; seq <= r.To; seq++ {
			for i := range each {
				if !yield(warehouse.SyncChange{
					Page: seq, Seq: seq, Index: i, RecordedAt: r.StartedAt.Add(time.Minute), Key: fmt.Sprint("k", i),
					Outcome: "rejected", Consent: "out", Stage: "write", Reason: "tab\t'quote'",
				}) {
					return
				}
			}
		}
	}
}

// Rows come back as they went in; a range that is inserted again, at once, or late, after others and after a purge,
// has no effect; a repair is new.
func TestSyncChanges(t *testing.T) { eachProtocol(t, testSyncChanges) }

func testSyncChanges(t *testing.T, b *bundle) {
	t.Helper()
	first, second := syncRange(1, 3, 0), syncRange(4, 4, 0)
	insert := func(r warehouse.SyncRange) error { return b.InsertSyncChanges(b.ctx, r, changesOf(r, 10)) }
	count := func(r warehouse.SyncRange) uint64 {
		n, err := b.CountSync(b.ctx, r)
		require.NoError(t, err)
		return n
	}
	for _, err := range enginetest.AtOnce(6, func(int) error { return insert(first) }) {
		require.NoError(t, err)
	}
	require.NoError(t, insert(second))
	require.NoError(t, insert(first), "late")
	require.EqualValues(t, 30, count(first))
	require.EqualValues(t, 10, count(second))
	require.EqualValues(t, 40, b.number(t, "SELECT count() FROM sync_changes"))
	require.Equal(t, []string{
		"news|7|4|4|0|2026-01-02 03:04:05|2026-01-02 03:05:05|k0|rejected|out|write|tab\t'quote'",
	}, b.lines(t, "SELECT * FROM sync_changes WHERE seq = 4 AND idx = 0"))
	require.NoError(t, b.PurgeSync(b.ctx, first))
	require.NoError(t, insert(first))
	require.Zero(t, count(first), "the token is known")
	require.NoError(t, insert(syncRange(1, 3, 1)))
	require.EqualValues(t, 30, count(first))
	require.EqualValues(t, 10, count(second))
}

// The row of a run is there once.
func TestSyncRuns(t *testing.T) { eachProtocol(t, testSyncRuns) }

func testSyncRuns(t *testing.T, b *bundle) {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	counted, difference := uint64(451), uint64(0)
	run := warehouse.SyncRun{
		Sync: "news", RunID: 7, Kind: "full", Status: "succeeded", FromKind: "mailchimp", FromConnection: "mc", ListID: "a",
		ToKind: "ometria", ToConnection: "om", Until: at, StartedAt: at, EndedAt: at.Add(time.Minute), Pages: 5, Read: 451,
		Delivered: 450, Rejected: 1, Announced: 451, SourceCount: &counted, Difference: &difference,
	}
	r := syncRange(0, 0, 0)
	for range 3 {
		require.NoError(t, b.InsertSyncRun(b.ctx, r, run))
	}
	n, err := b.CountSync(b.ctx, r)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	other := run
	other.Sync, other.RunID, other.Since, other.SourceCount = "other", 8, &at, nil
	require.NoError(t, b.InsertSyncRun(b.ctx, warehouse.SyncRange{Sync: "other", RunID: 8, StartedAt: at}, other))
	require.Equal(t, []string{"news|7|451|1", "other|8|NULL|0"}, b.lines(t, `SELECT sync, toString(run_id),
		ifNull(toString(source_count), 'NULL'), toString(since IS NULL) FROM sync_runs ORDER BY run_id`))
	require.NoError(t, b.PurgeSync(b.ctx, r))
	require.EqualValues(t, 1, b.number(t, "SELECT count() FROM sync_runs"))
}
