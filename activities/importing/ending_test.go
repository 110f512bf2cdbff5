package importing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/activities/importtest"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 95, "parts": 3}`)
	require.Zero(t, b.Visible(t, ref))
	for range 2 {
		var result importing.PartResult
		b.Run(t, b.Publish, ref, &result)
		require.Equal(t, importing.PartResult{RowsRead: 95, RowsLoaded: 95}, result)
		require.Equal(t, importtest.SumTo(95), b.Visible(t, ref))
		require.Equal(t, importstore.StatusCompleted, b.Imp(t, ref).Status)
	}
}

// What arrives between the end of a part and the end of the import is found.
func TestPublishRepairs(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(b *bundle, ref importing.ImportRef){
		"a stray row":   func(b *bundle, ref importing.ImportRef) { b.Stray(t, ref, 1, 0) },
		"a stray chunk": func(b *bundle, ref importing.ImportRef) { b.Stray(t, ref, 2, 99) },
		"rows gone": func(b *bundle, ref importing.ImportRef) {
			require.NoError(t, b.Wh.PurgeRows(b.Ctx, schema.Visitors, uint64(b.Site.ID), uint64(ref.ImportID)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			ref := b.Loaded(t, `{"rows": 60, "parts": 3}`)
			damage(b, ref)
			app := b.Fails(t, b.Publish, ref)
			require.True(t, app.NonRetryable())
			require.Equal(t, activities.TypeUnverified, app.Type())
			require.Zero(t, b.Visible(t, ref))
			for range 2 {
				b.Run(t, b.Repair, ref, nil)
			}
			b.Run(t, b.Publish, ref, nil)
			b.Run(t, b.Repair, ref, nil)
			require.Equal(t, importtest.SumTo(60), b.Visible(t, ref))
			require.EqualValues(t, 60, b.Rows(t, ref))
		})
	}
}

// An import that never had a part for some rows does not get published with them.
func TestPublishUnverified(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 60, "parts": 3}`)
	b.Stray(t, ref, 77, 0)
	app := b.Fails(t, b.Repair, ref)
	require.False(t, app.NonRetryable())
	require.Equal(t, "imported_visitors: 61 rows, 60 recorded: the warehouse holds other rows than were recorded", app.Message())
	app = b.Fails(t, b.Publish, ref)
	require.Equal(t, activities.TypeUnverified, app.Type())
	require.Equal(t, "imported_visitors: 61 rows, 60 recorded: the warehouse holds other rows than were recorded", app.Message())
	require.Zero(t, b.Visible(t, ref))
}

// An import with open parts is neither published nor given to reviewers: its workflow is ahead
// of a store that was restored. Nothing of it is repaired either.
func TestPublishUnfinished(t *testing.T) {
	t.Parallel()
	b := setup(t)
	unplanned := b.Create(t, b.Site, `{"rows": 10}`)
	ref := b.Create(t, b.Site, `{"rows": 60, "parts": 3}`)
	b.Run(t, b.Plan, ref, nil)
	for part := range int32(2) {
		b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID, Part: part}, nil)
	}
	b.Stray(t, ref, 2, 0)
	for _, step := range []any{b.CheckLoaded, b.Reviews.Begin, b.Publish, b.Repair} {
		app := b.Fails(t, step, ref)
		require.True(t, app.NonRetryable())
		require.Equal(t, activities.TypeUnfinished, app.Type())
		require.Equal(t, "import 2: 1 of 3 parts are neither done nor skipped: the import is not loaded in full", app.Message())
		require.Equal(t, activities.TypeUnfinished, b.Fails(t, step, unplanned).Type(), "one that was never planned")
	}
	require.Zero(t, b.Visible(t, ref))
	require.EqualValues(t, 41, b.Rows(t, ref))
	b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID, Part: 2}, nil)
	b.Run(t, b.Publish, ref, nil)
	require.Equal(t, importtest.SumTo(60), b.Visible(t, ref))
}

// Days that another import has brought in meanwhile are not published twice.
func TestPublishOverlap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 10}`)
	second := b.Loaded(t, `{"rows": 10}`)
	b.Run(t, b.Publish, second, nil)
	message := b.Refused(t, b.Publish, ref, importers.ClassNoDays)
	require.Equal(t, "import 1: claim 2021-01-01..2021-01-31 of imported_visitors: days imported by another import "+
		"meanwhile: import 2; to import these days anew, delete import 2 first (`sluice import show 2`, `sluice import delete 2`)", message)
	require.Zero(t, b.Visible(t, ref))
}

// The whole end of an import that fails: nothing of it stays but its rejects,
// its reason and its log. A late attempt at anything changes nothing any more.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 50, "bad_rows": 5}`)
	end := importing.Ended{ImportID: ref.ImportID, Status: importstore.StatusFailed, Class: "bad_input", Reason: "went \x00wrong"}
	for range 2 {
		b.Run(t, b.NoteFailure, end, nil)
		b.Run(t, b.OnFailure, end, nil)
		b.Run(t, b.PurgeRows, ref, nil)
		b.Run(t, b.CleanUp, ref, nil)
		require.Zero(t, b.Rows(t, ref))
	}
	for range 2 {
		b.Run(t, b.Finish, end, nil)
	}
	imp := b.Imp(t, ref)
	require.Equal(t, []string{importstore.StatusFailed, "went \uFFFDwrong", "bad_input"}, []string{imp.Status, imp.Error, imp.ErrorClass})
	require.Equal(t, []string{"info: Importing 2021-01-01..2021-01-31.", "error: went \uFFFDwrong"}, b.Log(t, ref))
	rejects, err := b.Wh.Rejects(b.Ctx, uint64(b.Site.ID), uint64(ref.ImportID), warehouse.RejectFilter{}, 0, 100)
	require.NoError(t, err)
	require.Len(t, rejects, 5, "people can see what was wrong")

	require.Equal(t, "import 1 is failed: not possible in this state", b.Refused(t, b.Publish, ref, importers.ClassEnded))
	part := importing.PartRef{ImportID: ref.ImportID}
	for _, late := range []func() any{
		func() any { return b.Refused(t, b.ImportData, part, importers.ClassEnded) },
		func() any { return b.Refused(t, b.Plan, ref, importers.ClassEnded) },
		func() any { return b.Refused(t, b.OnSuccess, ref, importers.ClassEnded) },
	} {
		require.NotNil(t, late())
	}
	require.Zero(t, b.Rows(t, ref))
	require.Zero(t, b.Visible(t, ref))
	end.Status = importstore.StatusCancelled
	b.Refused(t, b.Finish, end, importers.ClassEnded)
}

func TestPurgeRowsOfCompleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 20}`)
	b.Run(t, b.Publish, ref, nil)
	message := b.Refused(t, b.PurgeRows, ref, importers.ClassEnded)
	require.Equal(t, "import 1 has completed: not possible in this state", message)
	require.Equal(t, importtest.SumTo(20), b.Visible(t, ref))
}

// Deletion takes everything: rows, rejects, log and the import itself.
func TestRemove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 20, "bad_rows": 2}`)
	b.Run(t, b.Publish, ref, nil)
	message := b.Refused(t, b.Remove, ref, importers.ClassEnded)
	require.Equal(t, "import 1 is completed: not possible in this state", message)
	rejects, err := b.Wh.Rejects(b.Ctx, uint64(b.Site.ID), uint64(ref.ImportID), warehouse.RejectFilter{}, 0, 100)
	require.NoError(t, err)
	require.Len(t, rejects, 2)

	require.NoError(t, b.Store.RequestDeletion(b.Ctx, ref.ImportID))
	for range 2 {
		b.Run(t, b.PurgeRows, ref, nil)
	}
	require.Zero(t, b.Rows(t, ref))
	require.Zero(t, b.Visible(t, ref))
	b.Refused(t, b.Publish, ref, importers.ClassEnded)
	b.Run(t, b.Remove, ref, nil)
	_, err = b.Store.Import(b.Ctx, ref.ImportID)
	require.ErrorIs(t, err, store.ErrNotFound)
	rejects, err = b.Wh.Rejects(b.Ctx, uint64(b.Site.ID), uint64(ref.ImportID), warehouse.RejectFilter{}, 0, 100)
	require.NoError(t, err)
	require.Empty(t, rejects)
	b.Run(t, b.Remove, ref, nil)
	b.Run(t, b.PurgeRows, ref, nil)
}

// Finalize runs while the rows are invisible.
func TestFinalize(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 20, "fail": "finalize", "fail_times": 1}`)
	require.False(t, b.Fails(t, b.Finalize, ref).NonRetryable())
	b.Run(t, b.Finalize, ref, nil)
	require.Equal(t, importstore.PhaseFinalize, b.Imp(t, ref).Phase)
}

// OnSuccess runs once the import is completed, and logs its failures.
func TestOnSuccess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Loaded(t, `{"rows": 20, "fail": "on_success", "fail_times": 1}`)
	b.Refused(t, b.OnSuccess, ref, importers.ClassEnded)
	require.NoError(t, b.EndInStore(ref, importstore.StatusCompleted))
	require.False(t, b.Fails(t, b.OnSuccess, ref).NonRetryable())
	b.Run(t, b.OnSuccess, ref, nil)
	require.Equal(t, importstore.StatusCompleted, b.Imp(t, ref).Phase)
	require.Contains(t, b.Log(t, ref),
		"warn: on_success failed, it is retried; the import is completed: noop failed as configured in on_success")
}

// A summary has what before_start and the parts have returned, and stands in the result.
func TestSummary(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.Create(t, b.Site, `{"rows": 4, "parts": 2, "data": {"files": 3}}`)
	b.Run(t, b.BeforeStart, ref, nil)
	b.Run(t, b.Plan, ref, nil)
	b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID}, nil)
	b.Run(t, b.ImportData, importing.PartRef{ImportID: ref.ImportID, Part: 1}, nil)
	b.Run(t, b.Summarize, ref, nil)
	data, err := b.Store.ImportData(b.Ctx, ref.ImportID)
	require.NoError(t, err)
	require.JSONEq(t, `{"checked": {"files": 3}, "parts": [{"files": 3}, {"files": 3}]}`, string(data.Summary))
}
