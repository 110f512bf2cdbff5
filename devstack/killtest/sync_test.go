package killtest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/delay"
)

// How often TestKillSync kills; the variable is for `make soak`.
const (
	envSyncKills = "KILLTEST_SYNC_KILLS"
	syncKills    = 20
	// syncBound bounds the test, beside maxStill for each kill.
	syncBound = 6 * time.Minute
	// maxStill is how long the next kill waits for requests: a worker's death is noticed after ten seconds.
	maxStill = 15 * time.Second
)

// TestKillSync keeps three lists of one Mailchimp account equal to the contacts of one Ometria account, while
// thousands of members change at random, both APIs fail, and two workers and the Temporal server are killed. Once
// the changes have ended, every contact has every field of its member; what differs is counted, and has a
// reason. No request was above a budget, and each record that was read was delivered or rejected.
func TestKillSync(t *testing.T) {
	t.Parallel()
	kills, chosen := number(t, envSyncKills, syncKills), rand.Uint64()
	if text := os.Getenv(envSeed); text != "" {
		var err error
		chosen, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("sync: %s=%d", envSeed, chosen)
	rng, began := rand.New(rand.NewPCG(chosen, 3)), time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), syncBound+time.Duration(kills)*maxStill)
	t.Cleanup(cancel)
	s := newSynced(t, newModel(chosen))
	s.create(ctx, t)

	var around errgroup.Group
	chaos, over := context.WithCancel(ctx)
	driving, enough := context.WithCancel(ctx)
	t.Cleanup(func() {
		over()
		enough()
		assert.NoError(t, around.Wait())
	})
	around.Go(func() error { return s.model.changeUntil(chaos) })
	around.Go(func() error { return s.fail(chaos, rand.New(rand.NewPCG(chosen, 4))) })
	around.Go(func() error { return s.expireScans(chaos, rand.New(rand.NewPCG(chosen, 5))) })
	for _, list := range s.model.lists {
		around.Go(func() error { return s.drive(driving, syncOf(list)) })
	}
	s.harass(ctx, t, rng, kills)
	over()
	s.model.end()
	s.mailchimp.Clear()
	s.ometria.Clear()
	killed := time.Since(began)
	s.settle(ctx, t)
	enough()
	require.NoError(t, around.Wait())
	s.requireEqual(ctx, t)
	s.requireBudgets(t)
	s.requireAccounts(ctx, t)
	t.Logf("sync: %d kills until %s, %d pages read and %d requests to Ometria, changes %v, everything equal after %s",
		kills, killed.Round(time.Second), s.mailchimp.Calls("members"), s.ometria.Calls("push"), s.model.counts,
		time.Since(began).Round(time.Second))
}

// harass kills the workers and Temporal in turn, each time after some requests, or some seconds without any. In
// the middle of it, 5,000 members change within one second.
func (s *synced) harass(ctx context.Context, t *testing.T, rng *rand.Rand, kills int) {
	t.Helper()
	for n := range kills {
		if n == kills/2 {
			s.model.bulk(s.model.lists[0], bulkMembers)
		}
		until, before := time.Now().Add(maxStill), s.calls()
		more := 1 + rng.IntN(30)
		poll(ctx, t, "requests", func(context.Context) bool {
			return s.calls() >= before+more || time.Now().After(until)
		})
		require.NoError(t, delay.Wait(ctx, time.Duration(rng.IntN(200))*time.Millisecond))
		switch victim := n % (len(s.workers) + 1); victim {
		case len(s.workers):
			require.NoError(t, s.stack.WaitReady(ctx, stack.ComponentTemporal))
			require.NoError(t, s.stack.Kill(stack.ComponentTemporal))
		default:
			s.workers[victim].kill()
			s.workers[victim] = s.spawnWorker(t) //nolint:contextcheck // A process outlives the call that starts it.
		}
		t.Logf("kill %d after %d requests", n+1, s.calls())
	}
}

// calls returns the number of requests to both systems.
func (s *synced) calls() int { return s.mailchimp.Calls("members") + s.ometria.Calls("push") }
