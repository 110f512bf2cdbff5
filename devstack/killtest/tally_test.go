package killtest_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/workflows/delivery"
)

// tally adds up what became of events.
type tally struct {
	mu sync.Mutex
	// paths are those of all jobs together.
	paths path
	// faults are those of jobs, at most maxFaults of them.
	faults []error
}

// maxFaults is how many faults are shown: what is wrong with one event mostly is with many.
const maxFaults = 20

func (y *tally) add(p path, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if err != nil && len(y.faults) < maxFaults {
		y.faults = append(y.faults, err)
	}
	y.paths = path{
		claimed: y.paths.claimed + p.claimed, untried: y.paths.untried + p.untried,
		failed: y.paths.failed + p.failed, unknown: y.paths.unknown + p.unknown,
	}
}

// requireDelivered compares each event's job with what the endpoint has seen, and counts what
// has come more than once.
func (d *courier) requireDelivered(ctx context.Context, t *testing.T, jobs []string) {
	t.Helper()
	var looking errgroup.Group
	looking.SetLimit(8)
	var y tally
	d.endpoint.mu.Lock()
	defer d.endpoint.mu.Unlock()
	want := map[string]int{}
	taken, afterReset, ailing := 0, 0, 0
	for number, id := range jobs {
		var seen delivered
		if came := d.endpoint.events[number]; came != nil {
			seen = *came
		}
		want["webhook/post "+endOf(number)]++
		taken += seen.taken
		afterReset += max(0, mustTake(number)-1)
		if ailmentOf(number).kind != "" {
			ailing++
		}
		looking.Go(func() error {
			y.add(d.path(ctx, number, id, seen))
			return nil
		})
	}
	require.NoError(t, looking.Wait())
	assert.Empty(t, y.faults)
	assert.Empty(t, d.endpoint.wrong)
	assert.Len(t, d.endpoint.events, len(jobs), "events that came")
	assert.Equal(t, want, d.stats(ctx, t), "sluice job stats")

	good := want["webhook/post "+deliverystore.JobSucceeded]
	twice := taken - good
	share := func(n int) float64 { return 100 * float64(n) / float64(good) }
	t.Logf("delivery: %d events, %d of them with faults; %d requests in %d attempts, of which %d failed and %d were unknown, "+
		"beside %d that did not get to their turn", len(jobs), ailing, d.endpoint.requests,
		y.paths.claimed-y.paths.untried, y.paths.failed, y.paths.unknown, y.paths.untried)
	t.Logf("delivery: %d events were taken %d times, each under one ID: %d duplicates (%.2f %%), %d of them (%.2f %%) "+
		"forced by resets, %d (%.2f %%) owed to kills", good, taken, twice, share(twice),
		afterReset, share(afterReset), twice-afterReset, share(twice-afterReset))
}

// requireIdle makes sure that the workflow knows of no jobs that are left.
func (d *courier) requireIdle(ctx context.Context, t *testing.T) {
	t.Helper()
	require.NoError(t, until(ctx, "the workflow to know of no jobs", func(ctx context.Context) (bool, error) {
		state, err := d.State(ctx, posted)
		if err != nil {
			return false, nil //nolint:nilerr // it may be starting still
		}
		backlog, err := d.Backlog(ctx, posted)
		return err == nil && state.Status == delivery.ActionDraining && backlog == delivery.BacklogState{}, nil
	}))
}
