package e2e

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Imports that share their locks load overlapping days at the same time, some of them for a
// review. However they meet, no day is brought in twice, and what was refused can be imported
// afterwards.
func TestClaimsOfImportsAtOnce(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	const imports = 8
	ids := make([]int64, imports)
	var begun sync.WaitGroup
	errs := make([]error, imports)
	for i := range ids {
		first := 1 + 2*i
		r := s.noopRequest(site, fmt.Sprintf(`{"rows": 60, "start_date": "2021-01-%02d", "end_date": "2021-01-%02d",
			"delay": "5ms", "locks": [{"resource": "site:%s", "shared": true}]}`, first, first+5, site))
		if i%3 == 0 {
			yes := true
			r.Review = &yes
		}
		begun.Go(func() {
			imp, err := s.Starter.StartImport(ctx, r)
			ids[i], errs[i] = imp.ID, err
		})
	}
	begun.Wait()
	for i, id := range ids {
		require.NoError(t, errs[i])
		now := s.WaitFor(t, id, "an end or a review", func(now importstore.Summary) bool {
			return importstore.Ended(now.Import.Status) || now.Import.Phase == importstore.PhaseInReview
		})
		switch now.Import.Status {
		case importstore.StatusInReview:
			require.NoError(t, s.Starter.Decide(ctx, id, importstore.Accepted, starter.By{Who: "bob"}))
			s.end(now.Import, importstore.StatusCompleted)
		case importstore.StatusCompleted:
		default:
			require.Equal(t, importstore.StatusFailed, now.Import.Status)
			require.Equal(t, "no_free_days", now.Import.ErrorClass, now.Import.Error)
			require.Contains(t, now.Import.Error, "import ", "it names the import that has the days")
		}
	}
	s.noop(site, `{"rows": 310}`)
	s.requireDisjoint(t, imports+1)
}

// requireDisjoint waits for the last import and checks that each day of January is claimed by
// one import, which has its rows.
func (s *system) requireDisjoint(t *testing.T, last int64) {
	t.Helper()
	ctx := enginetest.Context(t)
	imp := s.Wait(t, last)
	require.Equal(t, importstore.StatusCompleted, imp.Import.Status, imp.Import.Error)
	claims, err := s.Store.Imports.Claims(ctx, imp.Import.SiteID, 0)
	require.NoError(t, err)
	owner := map[calendar.Day]int64{}
	for _, c := range claims {
		for _, r := range c.ClaimedDays {
			for day := r.First; day <= r.Last; day++ {
				require.Zero(t, owner[day], "%s is claimed by imports %d and %d", day, owner[day], c.ImportID)
				owner[day] = c.ImportID
			}
		}
	}
	require.Len(t, owner, 31, "all free days are filled")
	counts, err := visibleDays(ctx, s.clickhouseConn(), imp.Import.SiteID)
	require.NoError(t, err)
	require.Len(t, counts, 31)
	for day := range owner {
		require.EqualValues(t, 10, counts[day.String()], day)
	}
	require.Equal(t, calendar.NewSet(calendar.Range{First: 18628, Last: 18658}), importstore.TakenDays(claims, schema.Visitors.Name))
}
