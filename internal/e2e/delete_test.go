package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// While an import is deleted, queries see all of it or nothing, and all the time all
// of everybody else's.
func TestDeleteUnderQueries(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.AddSite(t, "other.example")
	s.AddSite(t, "busy.example")
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	const rows = 4000
	gone := s.noop(site, `{"rows": 4000, "parts": 2}`)
	other := s.noop("other.example", `{"rows": 4000, "parts": 2}`)
	s.end(gone, importstore.StatusCompleted)
	s.end(other, importstore.StatusCompleted)
	busy := s.noop("busy.example", `{"rows": 4000, "parts": 2, "delay": "30ms"}`)
	s.WaitLoading(t, busy.ID)

	conn := s.clickhouseConn()
	deleted, looked := make(chan struct{}), make(chan int)
	go func() {
		seen := 0
		for ; ; seen++ {
			counts, err := visibleCounts(ctx, conn)
			if !assert.NoError(t, err) ||
				!assert.Contains(t, []uint64{0, rows}, counts[uint64(gone.ID)], "all or nothing") ||
				!assert.EqualValues(t, rows, counts[uint64(other.ID)], "those of the other import") ||
				!assert.Zero(t, counts[uint64(busy.ID)], "not completed") {
				break
			}
			select {
			case <-deleted:
				looked <- seen
				return
			default:
			}
		}
		looked <- -1
	}()
	require.NoError(t, s.Starter.Delete(ctx, gone.ID))
	require.NoError(t, s.Starter.WaitDeleted(ctx, gone.ID))
	close(deleted)
	require.Positive(t, <-looked, "queries ran meanwhile")

	requireNothing(t, s.System, gone)
	all, visible := rowsOf(t, s.System, other)
	require.EqualValues(t, rows, all)
	require.EqualValues(t, rows, visible)
	last := s.end(busy, importstore.StatusCompleted)
	require.EqualValues(t, rows, last.RowsLoaded)
	require.Equal(t, sumTo(rows), s.visitors(busy))
}

// sumTo is the sum of visitors of that many generated rows.
func sumTo(rows uint64) uint64 { return rows * (rows + 1) / 2 }

// What was deleted can be imported again, to the same figures.
func TestDeleteAndImportAgain(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	const args = `{"rows": 1000, "parts": 3, "bad_rows": 7}`
	first := s.noop(site, args)
	was := s.end(first, importstore.StatusCompleted)
	sum := s.visitors(first)

	// As long as it is there, its days are taken.
	taken := s.end(s.noop(site, args), importstore.StatusFailed)
	require.Equal(t, "no_free_days", taken.Import.ErrorClass)
	require.Contains(t, taken.Import.Error, "no day is left to import: the source has 2021-01-01..2021-01-31; "+
		"imported already: 2021-01-01..2021-01-31, by import 1; imports end before ")
	require.Contains(t, taken.Import.Error, "to import these days anew, delete import 1 first (`sluice import show 1`, `sluice import delete 1`)")

	require.NoError(t, s.Starter.Delete(ctx, first.ID))
	require.NoError(t, s.Starter.WaitDeleted(ctx, first.ID))
	again := s.noop(site, args)
	now := s.end(again, importstore.StatusCompleted)
	require.Equal(t, []int64{was.RowsRead, was.RowsLoaded, was.RowsRejected, was.RowsOutOfRange},
		[]int64{now.RowsRead, now.RowsLoaded, now.RowsRejected, now.RowsOutOfRange})
	require.Equal(t, sum, s.visitors(again))
	require.EqualValues(t, 7, now.RowsRejected)
}
