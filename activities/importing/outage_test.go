package importing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/activities/importtest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// eachOutage calls a test for outages of PostgreSQL and for outages of ClickHouse.
func eachOutage(t *testing.T, test func(t *testing.T, o *importtest.Outages, outage *enginetest.Outage)) {
	t.Helper()
	for _, name := range []string{"store", "warehouse"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := importtest.SetupOutages(t)
			outage := &o.OfStore.Outage
			if name == "warehouse" {
				outage = &o.OfWarehouse.Outage
			}
			test(t, o, outage)
		})
	}
}

// An import whose activities meet an outage at each of their requests completes, with each row once.
func TestOutagesOfAnImport(t *testing.T) {
	t.Parallel()
	eachOutage(t, func(t *testing.T, o *importtest.Outages, outage *enginetest.Outage) {
		t.Helper()
		meet := func(fn, arg any) { t.Helper(); o.Meet(t, outage, fn, arg) }
		yes, rate := true, int64(1_000_000)
		ref := o.Create(t, o.Site, `{"rows": 30, "parts": 2, "data": {"files": 1}, "fingerprint": "f"}`)
		meet(o.Locks.Acquire, o.Create(t, o.Site, `{"rows": 1}`))
		meet(o.BeforeStart, ref)
		meet(o.Plan, ref)
		for part := range int32(2) {
			meet(o.ImportData, importing.PartRef{ImportID: ref.ImportID, Part: part})
		}
		meet(o.Note, importing.Note{ImportID: ref.ImportID, Level: importstore.LevelInfo, Message: "x", Paused: &yes, RowsPerSecond: &rate})
		meet(o.CheckLoaded, ref)
		meet(o.Summarize, ref)
		meet(o.Reviews.Begin, ref)
		meet(o.Reviews.Remind, importing.Reminder{ImportRef: ref})
		meet(o.Reviews.Decide, importing.Verdict{ImportID: ref.ImportID, Verdict: importstore.Accepted, By: "ann", Reason: "it is complete"})
		meet(o.Finalize, ref)
		meet(o.CleanUp, ref)
		require.Zero(t, o.Visible(t, ref))
		meet(o.Repair, ref)
		meet(o.Publish, ref)
		meet(o.OnSuccess, ref)
		meet(o.Close, ref)
		require.Equal(t, importtest.SumTo(30), o.Visible(t, ref))
		require.EqualValues(t, 30, o.Rows(t, ref))
	})
}

// An import that fails leaves no row, and one that is deleted leaves nothing, whichever request meets an outage.
func TestOutagesOfAFailure(t *testing.T) {
	t.Parallel()
	eachOutage(t, func(t *testing.T, o *importtest.Outages, outage *enginetest.Outage) {
		t.Helper()
		meet := func(fn, arg any) { t.Helper(); o.Meet(t, outage, fn, arg) }
		ref := o.Create(t, o.Site, `{"rows": 30, "parts": 3}`)
		part := func(no int32) importing.PartRef { return importing.PartRef{ImportID: ref.ImportID, Part: no} }
		o.Run(t, o.Plan, ref, nil)
		o.Run(t, o.ImportData, part(0), nil)
		meet(o.ParkPart, importing.Stopped{PartRef: part(1), Reason: "the source is away"})
		meet(o.Park, ref)
		meet(o.SkipPart, importing.Stopped{PartRef: part(1), Reason: "it is empty"})
		damaged := o.Loaded(t, `{"rows": 20, "parts": 2, "start_date": "2022-01-01", "end_date": "2022-01-31"}`)
		o.Stray(t, damaged, 1, 0)
		meet(o.Repair, damaged)
		o.Run(t, o.Publish, damaged, nil)

		end := importing.Ended{ImportID: ref.ImportID, Status: importstore.StatusFailed, Class: "bad_input", Reason: "it is wrong"}
		meet(o.NoteFailure, end)
		meet(o.OnFailure, end)
		meet(o.PurgeRows, ref)
		meet(o.Finish, end)
		require.Zero(t, o.Rows(t, ref))
		s := &importing.Schedules{Store: o.Store}
		o.Env.RegisterActivity(s.AwaitImport)
		meet(s.AwaitImport, importing.AwaitedImport{ImportID: ref.ImportID})

		require.NoError(t, o.Store.RequestDeletion(o.Ctx, ref.ImportID))
		meet(o.Remove, ref)
		_, err := o.Store.Import(o.Ctx, ref.ImportID)
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// A schedule that cannot be paused at first is paused once, and its last import says so.
func TestOutagesOfASchedule(t *testing.T) {
	t.Parallel()
	o := importtest.SetupOutages(t)
	b := &bundle{o.Bundle}
	s, notes := b.schedules(t)
	ref := b.Create(t, b.Site, `{}`)
	o.Meet(t, &o.OfStore.Outage, s.PauseSchedule, importing.SchedulePause{Schedule: "nightly", ImportID: ref.ImportID, Note: "it failed 3 times"})
	require.NotEmpty(t, *notes)
	require.Equal(t, []string{"error: Schedule nightly is paused: it failed 3 times. Resume it with `sluice schedule resume nightly`."}, b.Log(t, ref))
	b.Run(t, s.PauseSchedule, importing.SchedulePause{Schedule: "nightly", ImportID: 99, Note: "again"}, nil)
}
