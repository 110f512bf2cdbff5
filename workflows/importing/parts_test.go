package importing_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// As many parts as the plan allows are loaded at once, and no more.
func TestPartsInParallel(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ parallelism, want int }{{0, 1}, {1, 1}, {3, 3}, {64, 12}} {
		t.Run(fmt.Sprint(tc.parallelism), func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.planned = plan(12)
			r.planned.Parallelism = tc.parallelism
			var mu sync.Mutex
			running, most, met := 0, 0, make(chan struct{})
			r.load = func(ctx context.Context, _ int32, _ int) error {
				mu.Lock()
				running++
				most = max(most, running)
				if running == tc.want && most == tc.want {
					select {
					case <-met:
					default:
						close(met)
					}
				}
				mu.Unlock()
				// The first ones wait for each other, so that the bound is reached for sure.
				select {
				case <-met:
				case <-ctx.Done():
					return ctx.Err()
				}
				mu.Lock()
				running--
				mu.Unlock()
				return nil
			}
			require.NoError(t, r.start())
			require.Equal(t, tc.want, most)
			require.Equal(t, 12, r.progress().PartsDone)
		})
	}
}

// A permanent error of one part stops its siblings, and what has not begun.
func TestPartFailsPermanently(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(5)
	began := make(chan struct{})
	r.load = func(ctx context.Context, part int32, _ int) error {
		if part == 1 {
			<-began
			return permanent(importers.ClassRejects)
		}
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}
	require.Error(t, r.start())
	require.Equal(t, failedEnd, r.once()[len(r.once())-len(failedEnd):])
	require.Equal(t, string(importers.ClassRejects), r.ended[0].Class)
	require.Zero(t, r.calledTimes("import_data 2"))
	require.Zero(t, r.calledTimes(workflows.ActivityParkPart))
}

// A part that keeps failing is parked while the others are loaded; then the
// import is.
func TestPartIsParked(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(3)
	r.load = func(_ context.Context, part int32, _ int) error {
		if part == 1 {
			return transient()
		}
		return nil
	}
	r.RegisterDelayedCallback(func() {
		require.Equal(t, []string{importstore.PartDone, importstore.PartParked, importstore.PartDone}, r.statuses())
		require.Equal(t, "the source is away", r.state().Parts[1].Reason)
		require.Equal(t, importstore.PhaseLoading, r.state().Phase)
		require.Equal(t, 2, r.progress().PartsDone)
		require.Equal(t, 10, r.calledTimes("import_data 1"), "ten attempts")
		require.Equal(t, 1, r.calledTimes(workflows.ActivityPark))
		require.Contains(t, r.details(), "Phase **loading**, **parked**: 1 part has failed too often. Send the update "+
			"`retry_part` or `skip_part` for each, or `cancel`. 2 of 3 parts done, ")
		r.CancelWorkflow()
	}, 24*time.Hour)
	require.Error(t, r.start())
	require.Equal(t, []importacts.Stopped{
		{PartRef: importacts.PartRef{ImportID: ImportID, Part: 1, FencingToken: fencingToken}, Reason: "the source is away"},
	}, r.parked)
}

// If so configured, there is no waiting.
func TestPartFailureFailsTheImport(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(1)
	r.planned.Park = false
	r.load = func(context.Context, int32, int) error { return transient() }
	require.Error(t, r.start())
	require.Equal(t, 10, r.calledTimes("import_data 0"))
	r.requireEnd([]string{workflows.ActivityBeforeStart, workflows.ActivityPlan, "import_data 0"}, importacts.Ended{
		Status: importstore.StatusFailed, Class: string(importers.ClassSource), Reason: "the source is away",
	})
}

// Attempts are counted since the last progress, whether an error or, after a worker's
// death, a heartbeat reports it.
func TestPartThatMakesProgressIsNotGivenUp(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(importacts.Advance) error{
		"error":     func(a importacts.Advance) error { return transient(a) },
		"heartbeat": func(a importacts.Advance) error { return temporal.NewHeartbeatTimeoutError(a) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.planned = plan(1)
			r.planned.Park = false
			// A chunk comes in with every fifth attempt, until there are four.
			r.load = func(_ context.Context, _ int32, call int) error {
				return fault(importacts.Advance{Chunks: int32(min(call/5, 4))})
			}
			require.Error(t, r.start())
			// Rounds of ten attempts end at 2, 4 and 4 chunks: the last brought nothing.
			require.Equal(t, 30, r.calledTimes("import_data 0"))
		})
	}
	t.Run("none at all", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.planned = plan(1)
		r.planned.Park = false
		r.load = func(context.Context, int32, int) error { return transient(importacts.Advance{}) }
		require.Error(t, r.start())
		require.Equal(t, 10, r.calledTimes("import_data 0"))
	})
	t.Run("to the end", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.planned = plan(1)
		r.load = func(_ context.Context, _ int32, call int) error {
			if call == 100 {
				return nil
			}
			return transient(importacts.Advance{Chunks: int32(call)})
		}
		require.NoError(t, r.start())
		require.Equal(t, 100, r.calledTimes("import_data 0"))
	})
}
