package importing_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/internal/db"
)

func TestSavePlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	source := calendar.Range{First: 0, Last: calendar.MaxDay}
	days := calendar.Set{{First: 5, Last: 9}, {First: 20, Last: 30}}
	parts := []importing.NewPart{
		{
			Table: "imported_pages", Label: "pages", Args: []byte(`{"a": 1}`), Bytes: 7,
			Days: calendar.Set{{First: 1, Last: 25}}, Free: calendar.Set{{First: 5, Last: 9}, {First: 20, Last: 25}},
		},
		{
			Table: "imported_devices", Label: "devices", Args: []byte(`[]`),
			Days: calendar.Set{{First: 22, Last: 40}}, Free: calendar.Set{{First: 22, Last: 30}},
		},
	}
	require.NoError(t, b.SavePlan(b.ctx, imp.ID, source, parts))
	got, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, days, got.Days, "those of all parts")
	require.Equal(t, []calendar.Day{source.First, source.Last}, []calendar.Day{*got.StartDate, *got.EndDate})
	list, err := b.ListParts(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Len(t, list, 2)
	for i, p := range list {
		want := parts[i]
		require.Equal(t, want, importing.NewPart{
			Table: p.TableName, Label: p.Label, Args: p.Args, Bytes: p.BytesTotal, Days: p.Days, Free: p.FreeDays,
		})
		require.Empty(t, p.ClaimedDays, "nothing is loaded yet")
		require.EqualValues(t, i, p.No)
		require.Equal(t, importing.PartWaiting, p.Status)
	}

	// Parts may be under way: another plan changes nothing.
	require.NoError(t, b.SavePlan(b.ctx, imp.ID, calendar.Range{}, parts[:1]))
	again, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, got, again)
	same, err := b.ListParts(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, list, same)
	require.ErrorIs(t, b.SavePlan(b.ctx, 404, source, parts), store.ErrNotFound)
}

// A plan is stored as a whole or not at all, also when two attempts meet.
func TestSavePlanAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	bad := []importing.NewPart{{Table: "t", Label: "good", Args: []byte(`{}`)}, {Table: "t", Label: "bad", Args: []byte(`{`)}}
	err := b.SavePlan(b.ctx, imp.ID, calendar.Range{}, bad)
	require.ErrorContains(t, err, "add part 1: ")
	list, err := b.ListParts(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Empty(t, list)

	plans := [][]importing.NewPart{bad[:1], {bad[0], bad[0], bad[0]}}
	require.NoError(t, errors.Join(enginetest.AtOnce(2, func(i int) error {
		return b.SavePlan(b.ctx, imp.ID, calendar.Range{}, plans[i])
	})...))
	list, err = b.ListParts(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Contains(t, []int{1, 3}, len(list), "one plan, not a mixture")
}

func TestClaimPart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.claimed(t)
	require.EqualValues(t, 1, first.FencingToken, 0)
	require.Equal(t, importing.PartRunning, first.Status)
	require.NotNil(t, first.StartedAt)
	second, open, err := b.ClaimPart(b.ctx, first.ImportID, 0, 0)
	require.NoError(t, err)
	require.True(t, open)
	require.EqualValues(t, 2, second.FencingToken)
	require.Equal(t, first.StartedAt, second.StartedAt)

	b.finishPart(t, second, 0)
	done, open, err := b.ClaimPart(b.ctx, first.ImportID, 0, 0)
	require.NoError(t, err)
	require.False(t, open, "there is nothing to do")
	require.Equal(t, importing.PartDone, done.Status)
	require.Equal(t, done.BytesTotal, done.BytesRead)
	require.Equal(t, second.FencingToken, done.FencingToken)

	_, _, err = b.ClaimPart(b.ctx, first.ImportID, 7, 0)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, "import 1: part 7: not found")
}

func TestRecordChunk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	part := b.claimed(t)
	for no := range int32(2) {
		require.NoError(t, b.RecordChunk(b.ctx, chunk(part, no)))
	}
	got, err := b.PartByNo(b.ctx, part.ImportID, 0)
	require.NoError(t, err)
	require.Equal(t, []int64{2, 24, 14, 4, 2, 4, 50}, []int64{
		int64(got.NextChunk), got.RowsRead, got.RowsLoaded, got.RowsRejected, got.RowsOutOfRange, got.RowsLeftOut, got.BytesRead,
	})
	require.Equal(t, []calendar.Day{102, 105}, []calendar.Day{*got.FirstDay, *got.LastDay})
	require.Equal(t, "to", got.Cursor)
	chunks, err := b.ListChunks(b.ctx, part.ImportID, 0)
	require.NoError(t, err)
	require.Equal(t, []importing.Chunk{chunk(part, 0).Chunk, chunk(part, 1).Chunk}, chunks)

	for name, c := range map[string]importing.Checkpoint{"the same again": chunk(part, 1), "one left out": chunk(part, 3)} {
		require.ErrorIs(t, b.RecordChunk(b.ctx, c), store.ErrFenced, name)
	}
	lost := chunk(part, 2)
	lost.RowsRead++
	require.ErrorContains(t, b.RecordChunk(b.ctx, lost), "chunks_check", "rows read must be accounted for")
	same, err := b.PartByNo(b.ctx, part.ImportID, 0)
	require.NoError(t, err)
	require.Equal(t, got, same, "both or neither")
}

// Nothing that an earlier attempt does has any effect once a later one has begun.
func TestFencing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.claimed(t)
	require.NoError(t, b.RecordChunk(b.ctx, chunk(old, 0)))
	current, _, err := b.ClaimPart(b.ctx, old.ImportID, 0, 0)
	require.NoError(t, err)
	repaired := chunk(old, 0).Chunk
	repaired.Repair = 1
	require.ErrorIs(t, b.RecordChunk(b.ctx, chunk(old, 1)), store.ErrFenced)
	require.ErrorIs(t, b.RecordRepair(b.ctx, repaired, old.FencingToken), store.ErrFenced)
	require.EqualError(t, b.FinishPart(b.ctx, doneBy(old, 0)), "finish part: a later attempt has taken over")

	require.NoError(t, b.RecordRepair(b.ctx, repaired, current.FencingToken))
	chunks, err := b.ListChunks(b.ctx, old.ImportID, 0)
	require.NoError(t, err)
	require.Equal(t, []importing.Chunk{repaired}, chunks)
	unknown := repaired
	unknown.No = 9
	require.ErrorIs(t, b.RecordRepair(b.ctx, unknown, current.FencingToken), store.ErrFenced)
}

// Ten attempts claim a part and record its first chunk, all at the same time.
func TestFencingAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.claimed(t).ImportID
	tokens := make([]int64, 10)
	errs := enginetest.AtOnce(len(tokens), func(i int) error {
		part, _, err := b.ClaimPart(b.ctx, id, 0, 0)
		if err != nil {
			return err
		}
		tokens[i] = part.FencingToken
		return b.RecordChunk(b.ctx, chunk(part, 0))
	})
	recorded := 0
	for i, err := range errs {
		if err == nil {
			recorded++
			continue
		}
		require.ErrorIs(t, err, store.ErrFenced)
		for j := range i {
			require.NotEqual(t, tokens[i], tokens[j], "no fencing token is used twice")
		}
	}
	require.Equal(t, 1, recorded)
	part, err := b.PartByNo(b.ctx, id, 0)
	require.NoError(t, err)
	require.EqualValues(t, 11, part.FencingToken)
	require.EqualValues(t, 12, part.RowsRead)
}

func TestStopPart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	part := b.claimed(t)
	id := part.ImportID
	parked, err := b.StopPart(b.ctx, id, 0, importing.PartParked, "disk full")
	require.NoError(t, err)
	require.Equal(t, importing.PartParked, parked.Status)
	require.Equal(t, "disk full", parked.Error)
	require.ErrorIs(t, b.RecordChunk(b.ctx, chunk(part, 0)), store.ErrFenced)
	part, open, err := b.ClaimPart(b.ctx, id, 0, 0)
	require.NoError(t, err)
	require.True(t, open, "a parked part may be tried again")
	require.Empty(t, part.Error)
	b.finishPart(t, part, 0)
	done, err := b.StopPart(b.ctx, id, 0, importing.PartParked, "too late")
	require.NoError(t, err)
	require.Equal(t, importing.PartDone, done.Status)
	require.Empty(t, done.Error)
	_, err = b.StopPart(b.ctx, id, 5, importing.PartParked, "x")
	require.ErrorIs(t, err, store.ErrNotFound)
}

// An import that is being given up takes no more rows: neither from attempts that
// run, nor from ones that begin late, nor as repairs of what was done.
func TestFailOpenParts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	b.plan(t, imp.ID, 4)
	claim := func(no int32) importing.Part {
		part, open, err := b.ClaimPart(b.ctx, imp.ID, no, 0)
		require.NoError(t, err)
		require.True(t, open)
		return part
	}
	done, running := claim(0), claim(1)
	require.NoError(t, b.RecordChunk(b.ctx, chunk(done, 0)))
	b.finishPart(t, done, 0)
	_, err := b.StopPart(b.ctx, imp.ID, 2, importing.PartParked, "parked before")
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, b.FailOpenParts(b.ctx, imp.ID, "given up"))
	}
	parts, err := b.ListParts(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, importing.PartDone, parts[0].Status)
	require.Empty(t, parts[0].Error)
	require.Equal(t, []string{importing.PartWaiting, ""}, []string{parts[1].Status, parts[1].Error}, "it was interrupted")
	require.Equal(t, []string{importing.PartFailed, "parked before"}, []string{parts[2].Status, parts[2].Error})
	require.Equal(t, []string{importing.PartWaiting, ""}, []string{parts[3].Status, parts[3].Error}, "it never began")
	for _, p := range parts[1:] {
		require.NotNil(t, p.FinishedAt)
	}
	require.ErrorIs(t, b.RecordChunk(b.ctx, chunk(running, 0)), store.ErrFenced)
	require.ErrorIs(t, b.RecordRepair(b.ctx, chunk(done, 0).Chunk, done.FencingToken), store.ErrFenced)
	_, open, err := b.ClaimPart(b.ctx, imp.ID, 3, 0)
	require.ErrorIs(t, err, store.ErrConflict)
	require.EqualError(t, err, "import 1: part 3 has been given up: not possible in this state")
	require.False(t, open)
}

// The part that an import fails of is the one that the reason names: its siblings were
// only interrupted.
func TestFailOpenPartsCulprit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	b.plan(t, imp.ID, 3)
	for no := range int32(2) {
		_, _, err := b.ClaimPart(b.ctx, imp.ID, no, 0)
		require.NoError(t, err)
	}
	b.exec(t, "UPDATE parts SET label = CASE no WHEN 0 THEN 'part 1' ELSE 'part 1' || no END WHERE import_id = $1", imp.ID)
	const reason = "read part 11: no such file"
	for range 2 {
		require.NoError(t, b.FailOpenParts(b.ctx, imp.ID, reason))
	}
	parts, err := b.ListParts(b.ctx, imp.ID)
	require.NoError(t, err)
	for no, want := range [][]string{{importing.PartWaiting, ""}, {importing.PartFailed, reason}, {importing.PartWaiting, ""}} {
		require.Equal(t, want, []string{parts[no].Status, parts[no].Error}, no)
	}

	cancelled := b.claimed(t)
	require.NoError(t, b.FailOpenParts(b.ctx, cancelled.ImportID, "cancelled by ann: "+cancelled.Label+" hangs"))
	part, err := b.PartByNo(b.ctx, cancelled.ImportID, 0)
	require.NoError(t, err)
	require.Equal(t, []string{importing.PartWaiting, ""}, []string{part.Status, part.Error})
}

func TestSkipPart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	part := b.claimed(t)
	id := part.ImportID
	require.NoError(t, b.RecordChunk(b.ctx, chunk(part, 0)))
	for range 2 {
		skipped, err := b.SkipPart(b.ctx, id, 0)
		require.NoError(t, err)
		require.Equal(t, importing.PartSkipped, skipped.Status)
		require.Zero(t, skipped.RowsRead+skipped.RowsLoaded+skipped.RowsRejected+skipped.RowsOutOfRange)
	}
	chunks, err := b.ListChunks(b.ctx, id, 0)
	require.NoError(t, err)
	require.Empty(t, chunks)
	require.ErrorIs(t, b.RecordChunk(b.ctx, chunk(part, 1)), store.ErrFenced)
	_, open, err := b.ClaimPart(b.ctx, id, 0, 0)
	require.NoError(t, err)
	require.False(t, open)
	_, err = b.SkipPart(b.ctx, id, 3)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestExpectedRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	tables := []string{"imported_pages", "imported_pages", "imported_devices", "imported_visitors"}
	parts := make([]importing.NewPart, len(tables))
	for i, table := range tables {
		parts[i] = importing.NewPart{Table: table, Label: "x", Args: []byte(`{}`)}
	}
	require.NoError(t, b.SavePlan(b.ctx, imp.ID, calendar.Range{}, parts))
	for no := range int32(3) {
		part, _, err := b.ClaimPart(b.ctx, imp.ID, no, 0)
		require.NoError(t, err)
		require.NoError(t, b.RecordChunk(b.ctx, chunk(part, 0)))
		b.finishPart(t, part, 0)
	}
	_, err := b.SkipPart(b.ctx, imp.ID, 2)
	require.NoError(t, err)
	got, err := b.ExpectedRows(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, []db.ExpectedRowsRow{
		{TableName: "imported_devices"}, {TableName: "imported_pages", RowsLoaded: 14}, {TableName: "imported_visitors"},
	}, got, "a table of which everything was skipped must hold nothing, and is looked at")
}

// A part that begins while another one is being parked does not hide that: its claim waits for
// the parking, and then counts the parts anew.
func TestClaimBesideParking(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	b.plan(t, imp.ID, 2)
	_, err := b.sql.Exec(b.ctx, "UPDATE imports SET status = 'running', phase = 'loading' WHERE id = $1", imp.ID)
	require.NoError(t, err)
	tx, err := b.sql.Begin(b.ctx)
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx, "UPDATE imports SET status = 'parked' WHERE id = $1", imp.ID)
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx, "UPDATE parts SET status = 'parked' WHERE import_id = $1 AND no = 0", imp.ID)
	require.NoError(t, err)
	claimed := make(chan error, 1)
	go func() {
		_, _, err := b.ClaimPart(b.ctx, imp.ID, 1, 0)
		claimed <- err
	}()
	require.Eventually(t, func() bool {
		// A transaction sees the activity of its first look, until it forgets it.
		if _, err := tx.Exec(b.ctx, "SELECT pg_stat_clear_snapshot()"); err != nil {
			return false
		}
		var waiting int
		err := tx.QueryRow(b.ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		return err == nil && waiting > 0
	}, time.Minute, 5*time.Millisecond)
	require.NoError(t, tx.Commit(b.ctx))
	require.NoError(t, <-claimed)
	now, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, importing.StatusParked, now.Status)
}
