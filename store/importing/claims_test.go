package importing_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store/importing"
)

// Days are claimed, table by table, against imports that have completed or claimed theirs
// meanwhile.
func TestClaimDays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const visitors, pages = "imported_visitors", "imported_pages"
	first := b.loaded(t, visitors, calendar.Range{First: 10, Last: 19})
	second := b.loaded(t, visitors, calendar.Range{First: 20, Last: 29})
	require.NoError(t, b.ClaimDays(b.ctx, first, 0))
	require.NoError(t, b.Finish(b.ctx, first, importing.StatusCompleted, "", ""))
	require.NoError(t, b.ClaimDays(b.ctx, second, 0))
	require.NoError(t, b.ClaimDays(b.ctx, second, 0), "its own days are its own")
	claims, err := b.Claims(b.ctx, b.site.ID, 0)
	require.NoError(t, err)
	require.Equal(t, []importing.DayClaim{
		{ImportID: first, Status: importing.StatusCompleted, TableName: visitors, ClaimedDays: calendar.Set{{First: 10, Last: 19}}},
		{ImportID: second, Status: importing.StatusQueued, TableName: visitors, ClaimedDays: calendar.Set{{First: 20, Last: 29}}},
	}, claims)
	require.Equal(t, calendar.Set{{First: 10, Last: 29}}, importing.TakenDays(claims, visitors))
	require.Empty(t, importing.TakenDays(claims, pages))
	claims, err = b.Claims(b.ctx, b.site.ID, first)
	require.NoError(t, err)
	require.Equal(t, calendar.Set{{First: 20, Last: 29}}, importing.TakenDays(claims, visitors))

	other := b.loaded(t, pages, calendar.Range{First: 10, Last: 29})
	require.NoError(t, b.ClaimDays(b.ctx, other, 0), "another table is free")

	third := b.loaded(t, visitors, calendar.Range{First: 18, Last: 21})
	err = b.ClaimDays(b.ctx, third, 0)
	require.ErrorIs(t, err, importing.ErrOverlap)
	require.EqualError(t, err, "import 4: claim 1970-01-19..1970-01-22 of imported_visitors: "+
		"days imported by another import meanwhile: import 1, import 2")
	var overlap *importing.OverlapError
	require.ErrorAs(t, err, &overlap)
	require.Len(t, overlap.Holders, 2)

	require.NoError(t, b.RequestDeletion(b.ctx, first))
	require.NoError(t, b.Finish(b.ctx, second, importing.StatusDeclined, "", ""))
	require.ErrorIs(t, b.ClaimDays(b.ctx, third, 0), importing.ErrOverlap, "rows of an import that is being deleted may still be visible")
	require.NoError(t, b.ReleaseDays(b.ctx, first))
	require.NoError(t, b.ClaimDays(b.ctx, third, 0), "days of deleted imports are free")
}

// What an import has brought in is what its parts claim; without any it claims nothing.
func TestClaimOfNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	b.plan(t, imp.ID, 2)
	part, _, err := b.ClaimPart(b.ctx, imp.ID, 0, 0)
	require.NoError(t, err)
	require.NoError(t, b.FinishPart(b.ctx, importing.DonePart{ImportID: imp.ID, FencingToken: part.FencingToken}))
	err = b.ClaimDays(b.ctx, imp.ID, 0)
	require.ErrorIs(t, err, importing.ErrUnfinished)
	require.EqualError(t, err, "import 1: 1 of 2 parts are neither done nor skipped: the import is not loaded in full")
	require.ErrorIs(t, b.Finished(b.ctx, imp.ID), importing.ErrUnfinished)
	got, err := b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.False(t, got.DaysClaimed)

	part, _, err = b.ClaimPart(b.ctx, imp.ID, 1, 0)
	require.NoError(t, err)
	done := doneBy(part, 0)
	done.Claims = calendar.Set{{First: 103, Last: 104}}
	require.NoError(t, b.FinishPart(b.ctx, done))
	require.NoError(t, b.ClaimDays(b.ctx, imp.ID, 0))
	got, err = b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	require.Equal(t, calendar.Set{{First: 103, Last: 104}}, got.Days, "the days that were brought in, not those that were planned")

	// What is skipped or begun again has brought in nothing.
	_, err = b.SkipPart(b.ctx, imp.ID, 1)
	require.NoError(t, err)
	require.NoError(t, b.Finished(b.ctx, imp.ID))
	err = b.ClaimDays(b.ctx, imp.ID, 0)
	require.ErrorIs(t, err, importing.ErrNothingLoaded)
	require.EqualError(t, err, "import 1: claim days: no row was loaded, and the source has confirmed no day as empty")

	// One without a plan has brought in nothing that is known.
	unplanned := b.create(t)
	require.EqualError(t, b.ClaimDays(b.ctx, unplanned.ID, 0), "import 2 has no parts: the import is not loaded in full")
}

// A reset of the workflow begins again without claims.
func TestClaimsOfReset(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.loaded(t, "imported_visitors", calendar.Range{First: 10, Last: 19})
	require.NoError(t, b.ClaimDays(b.ctx, id, 0))
	require.NoError(t, b.Finish(b.ctx, id, importing.StatusFailed, "x", "y"))
	claims, err := b.Claims(b.ctx, b.site.ID, 0)
	require.NoError(t, err)
	require.Empty(t, claims, "what has failed has no days")
	_, err = b.AcquireLocks(b.ctx, id, "run-2", importing.LockLimits{})
	require.NoError(t, err)
	part, err := b.PartByNo(b.ctx, id, 0)
	require.NoError(t, err)
	require.Equal(t, importing.PartWaiting, part.Status)
	require.Empty(t, part.ClaimedDays)
	require.Nil(t, part.FirstDay)
	require.Equal(t, calendar.Set{{First: 10, Last: 19}}, part.FreeDays, "the plan stays")
}

// Imports that share their locks end at the same moment: of those that have a day of a table
// in common one gets it, and those of other tables do not conflict.
func TestClaimDaysAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const imports = 12
	tables := []string{"imported_visitors", "imported_pages", "imported_devices"}
	ids := make([]int64, imports)
	for i := range ids {
		first := calendar.Day(100 + i) // each overlaps with the others of its table
		ids[i] = b.loaded(t, tables[i%len(tables)], calendar.Range{First: first, Last: first + 20})
	}
	won := map[string]int{}
	for i, err := range enginetest.AtOnce(imports, func(i int) error { return b.ClaimDays(b.ctx, ids[i], 0) }) {
		if err == nil {
			won[tables[i%len(tables)]]++
			continue
		}
		require.ErrorIs(t, err, importing.ErrOverlap)
	}
	require.Equal(t, map[string]int{"imported_visitors": 1, "imported_pages": 1, "imported_devices": 1}, won)
}

// Days claimed for a review and days claimed for publication meet: one of the two gets them.
func TestClaimForReviewAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 5 {
		first := b.loaded(t, "imported_visitors", calendar.Range{First: 10, Last: 19})
		second := b.loaded(t, "imported_visitors", calendar.Range{First: 19, Last: 29})
		errs := enginetest.AtOnce(2, func(i int) error {
			if i == 0 {
				return b.ClaimDays(b.ctx, first, 0)
			}
			_, _, err := b.BeginReview(b.ctx, second, importing.Entry{Run: "run-1"}, importing.LockLimits{})
			return err
		})
		require.NotEqual(t, errs[0] == nil, errs[1] == nil, "%v", errs)
		require.ErrorIs(t, errors.Join(errs...), importing.ErrOverlap)
		for _, id := range []int64{first, second} {
			require.NoError(t, b.Finish(b.ctx, id, importing.StatusCancelled, "", ""))
		}
	}
}
