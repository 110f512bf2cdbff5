package ingesting_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/ingesting"
)

// span is a range of partition 1 under a fencing token.
func span(first, last, token int64) ingesting.Range {
	return ingesting.Range{Partition: 1, First: first, Last: last, FencingToken: token}
}

// progress returns the progress of partition 1, without the time of its last change.
func (b *bundle) progress(t *testing.T, token int64) ingesting.Checkpoint {
	t.Helper()
	c, err := b.LoadCheckpoint(b.ctx, 1, token)
	require.NoError(t, err)
	c.UpdatedAt = time.Time{}
	return c
}

// Each step of a range is seen by the next holder of the lease, which continues from it.
func TestIngestRange(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 2)
	names := []string{"a", "b"}
	var token int64
	// crash lets the lease expire; another process takes over.
	crash := func() ingesting.Checkpoint {
		b.expire(t, names[0])
		names[0], names[1] = names[1], names[0]
		require.Len(t, b.takeLeases(t, names[0]), 2)
		token++
		return b.progress(t, token)
	}
	require.Equal(t, ingesting.Checkpoint{Partition: 1, NextSequence: 1, State: "idle"}, crash())

	require.NoError(t, b.DecideRange(b.ctx, span(1, 5, token)))
	first, last, decidedBy, repair := int64(1), int64(5), token, int64(0)
	want := ingesting.Checkpoint{
		Partition: 1, NextSequence: 1, State: "decided", OpenFrom: &first, OpenTo: &last, OpenToken: &decidedBy,
		OpenRepair: &repair,
	}
	require.Equal(t, want, crash())

	require.NoError(t, b.RecordRepair(b.ctx, span(1, 5, token), 1))
	repair, want.State = 1, "repairing"
	require.Equal(t, want, crash())
	require.NoError(t, b.RecordRepair(b.ctx, span(1, 5, token), 3))
	repair = 3
	require.Equal(t, want, crash())

	sum := ingesting.Summary{Events: 7, Sessions: 2, Counters: 1, Poisoned: 3}
	require.NoError(t, b.MarkRange(b.ctx, span(1, 5, token), sum))
	want = ingesting.Checkpoint{
		Partition: 1, NextSequence: 6, State: "idle", Ranges: 1, Events: 7, Sessions: 2, Counters: 1, Poisoned: 3,
	}
	require.Equal(t, want, crash())

	require.NoError(t, b.SaveSnapshot(b.ctx, 1, token, 6, []byte("sessions")))
	want.Snapshot, want.SnapshotNext = []byte("sessions"), 6
	require.Equal(t, want, crash())

	require.NoError(t, b.DecideRange(b.ctx, span(6, 6, token)))
	sum = ingesting.Summary{Events: 1, Sessions: 1, Counters: 1}
	require.NoError(t, b.MarkRange(b.ctx, span(6, 6, token), sum))
	want.NextSequence, want.Ranges, want.Events, want.Sessions, want.Counters = 7, 2, 8, 3, 2
	require.Equal(t, want, crash())
	require.NoError(t, b.SaveSnapshot(b.ctx, 1, token, 7, []byte("more")))
	want.Snapshot, want.SnapshotNext = []byte("more"), 7
	require.Equal(t, want, crash())

	// The other partition has its own progress.
	other, err := b.LoadCheckpoint(b.ctx, 0, token)
	require.NoError(t, err)
	require.EqualValues(t, 1, other.NextSequence)
}

// A range that is decided never changes, and steps out of order change nothing.
func TestIngestRangeIsFinal(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 2)
	b.takeLeases(t, "a")
	refused := func(errs ...error) {
		t.Helper()
		before := b.progress(t, 1)
		for i, err := range errs {
			require.Error(t, err, i)
			require.NotErrorIs(t, err, store.ErrFenced, i)
		}
		require.Equal(t, before, b.progress(t, 1))
	}
	mark := func(first, last int64) error {
		return b.MarkRange(b.ctx, span(first, last, 1), ingesting.Summary{Events: 1})
	}
	decide := func(first, last int64) error { return b.DecideRange(b.ctx, span(first, last, 1)) }
	repair := func(first, last int64, no uint32) error { return b.RecordRepair(b.ctx, span(first, last, 1), no) }

	refused(decide(0, 5), decide(2, 5), decide(1, 0), decide(1, -5), decide(math.MinInt64, 5), mark(1, 5))
	refused(repair(1, 5, 1))
	require.NoError(t, decide(1, 5))
	refused(decide(1, 5), decide(1, 6), decide(6, 9), mark(1, 4), mark(1, 6), mark(2, 5))
	refused(repair(1, 4, 1), repair(1, 5, 0))
	require.ErrorIs(t, decide(1, 6), store.ErrConflict)
	require.NoError(t, repair(1, 5, 2))
	refused(repair(1, 5, 2), repair(1, 5, 1), decide(1, 5))
	require.NoError(t, mark(1, 5))
	refused(mark(1, 5), repair(1, 5, 3), decide(1, 5), decide(5, 9), decide(7, 9))
	require.ErrorIs(t, mark(1, 5), store.ErrConflict)

	// Of concurrent decisions one counts.
	succeeded := 0
	for _, err := range enginetest.AtOnce(4, func(i int) error { return decide(6, 10+int64(i)) }) {
		if err == nil {
			succeeded++
		} else {
			require.ErrorIs(t, err, store.ErrConflict)
		}
	}
	require.Equal(t, 1, succeeded)
}

// Every call with a fencing token that is not that of the lease is refused and changes nothing: an old
// one, one of the future, and one that was released.
func TestIngestFencing(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 2)
	b.takeLeases(t, "a")
	require.NoError(t, b.DecideRange(b.ctx, span(1, 5, 1)))
	b.expire(t, "a")
	// An expired lease that is not taken over may still be used.
	require.NoError(t, b.RecordRepair(b.ctx, span(1, 5, 1), 1))
	b.takeLeases(t, "b")
	refused := func(token int64) {
		t.Helper()
		_, err := b.LoadCheckpoint(b.ctx, 1, token)
		for name, err := range map[string]error{
			"load": err, "decide": b.DecideRange(b.ctx, span(1, 5, token)),
			"repair":   b.RecordRepair(b.ctx, span(1, 5, token), 2),
			"mark":     b.MarkRange(b.ctx, span(1, 5, token), ingesting.Summary{}),
			"snapshot": b.SaveSnapshot(b.ctx, 1, token, 1, []byte("x")),
		} {
			require.ErrorIs(t, err, store.ErrFenced, name)
			require.ErrorContains(t, err, fmt.Sprintf("partition 1 with fencing token %d: a later attempt", token), name)
		}
	}
	before := b.progress(t, 2)
	for _, token := range []int64{-1, 0, 1, 3} {
		refused(token)
		lease := ingesting.Lease{Partition: 1, FencingToken: token}
		require.ErrorIs(t, b.ReleaseLease(b.ctx, lease), store.ErrFenced)
	}
	require.Equal(t, before, b.progress(t, 2))
	require.NoError(t, b.ReleaseLease(b.ctx, ingesting.Lease{Partition: 1, FencingToken: 2}))
	refused(2)
	require.NoError(t, b.LeaveHolders(b.ctx, "b"))
	require.Len(t, b.takeLeases(t, "c"), 1)
	require.Equal(t, before, b.progress(t, 3))
}

// A snapshot is bounded, in the store and in the database.
func TestIngestSnapshotBound(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 2)
	b.takeLeases(t, "a")
	require.ErrorContains(t, b.SaveSnapshot(b.ctx, 1, 1, 1, nil), "it is empty: want 1 to 134217728 bytes")
	err := b.SaveSnapshot(b.ctx, 1, 1, 1, make([]byte, ingesting.MaxSnapshot+1))
	require.ErrorIs(t, err, store.ErrLimit)
	require.ErrorContains(t, err, "it has 134217729 bytes: want at most 134217728, by a lower bound of open sessions")
	_, err = b.sql.Exec(b.ctx, `UPDATE ingest_checkpoints
		SET snapshot = convert_to(repeat('x', 134217729), 'UTF8'), snapshot_next = 1`)
	require.ErrorContains(t, err, "ingest_checkpoints_snapshot_check")
	require.ErrorIs(t, b.SaveSnapshot(b.ctx, 1, 1, 2, []byte("x")), store.ErrConflict)
	require.Nil(t, b.progress(t, 1).Snapshot)
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	require.NoError(t, b.SaveSnapshot(b.ctx, 1, 1, 1, large))
	require.Equal(t, large, b.progress(t, 1).Snapshot)
}

// What could not be written is kept without its text, and the newest of a partition only.
func TestIngestPoison(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 2)
	b.takeLeases(t, "a")
	sample := append([]byte("\x0a\x05/user?mail=Anna@example.com&id=42\xc3\xa9"), bytes.Repeat([]byte("Z"), 300)...)
	require.NoError(t, b.DecideRange(b.ctx, span(1, 1, 1)))
	broken := []ingesting.Poison{
		{Sequence: 1, RecordIndex: -1, Reason: "bad\x00\xff " + strings.Repeat("ü", 600), Sample: sample},
		{Sequence: 1, RecordIndex: -2},
	}
	sum := ingesting.Summary{Events: 1, Poisoned: 2, Poison: broken}
	require.Error(t, b.MarkRange(b.ctx, span(1, 1, 1), sum))
	require.Equal(t, "decided", b.progress(t, 1).State, "both or neither")
	require.NoError(t, b.MarkRange(b.ctx, span(1, 1, 1), ingesting.Summary{Poisoned: 2, Poison: broken[:1]}))
	all, err := b.ListPoison(b.ctx, 10)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.EqualValues(t, 1, all[0].Partition)
	require.EqualValues(t, -1, all[0].RecordIndex)
	require.Equal(t, "bad\uFFFD\uFFFD "+strings.Repeat("ü", 494), all[0].Reason)
	require.Len(t, all[0].Sample, 256)
	require.Equal(t, "\x0a\x05/xxxx?xxxx=xxxx@xxxxxxx.xxx&xx=00\xff\xff"+strings.Repeat("x", 219), string(all[0].Sample))

	for i := range int64(11) {
		r := span(2+i, 2+i, 1)
		require.NoError(t, b.DecideRange(b.ctx, r))
		sum := ingesting.Summary{Poisoned: 100}
		for index := range int32(100) {
			sum.Poison = append(sum.Poison, ingesting.Poison{Sequence: r.First, RecordIndex: index})
		}
		require.NoError(t, b.MarkRange(b.ctx, r, sum))
	}
	all, err = b.ListPoison(b.ctx, 5000)
	require.NoError(t, err)
	require.Len(t, all, 1000)
	require.EqualValues(t, 12, all[0].Sequence)
	require.EqualValues(t, 3, all[999].Sequence)
	require.EqualValues(t, 1102, b.progress(t, 1).Poisoned)
}
