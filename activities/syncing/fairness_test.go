package syncing_test

import (
	"context"
	"log/slog"
	stdsync "sync"
	"testing"

	"github.com/stretchr/testify/require"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
)

// Lists that want all of a budget share it, in one worker and over two: none waits for the others to end.
func TestBudgetIsFair(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := slog.New(slog.DiscardHandler)
	one, other := syncacts.NewBudgets(b.rows, "a", log), syncacts.NewBudgets(b.rows, "b", log)
	for name, lists := range map[string][]*syncacts.Budgets{"one worker": {one, one, one}, "two workers": {one, other}} {
		ctx, cancel := context.WithCancel(t.Context())
		const all = 120
		var mu stdsync.Mutex
		var wait stdsync.WaitGroup
		total, made := 0, make([]int, len(lists))
		for i, budgets := range lists {
			wait.Go(func() {
				for budgets.Request(ctx, name, 80) == nil {
					mu.Lock()
					made[i]++
					total++
					if total == all {
						cancel()
					}
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		cancel()
		for i, n := range made {
			require.GreaterOrEqual(t, n, all/len(lists)/2, "%s: list %d of %v", name, i, made)
		}
	}
}
