package killtest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/devstack/stack"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// What the test of delivery asks for.
const (
	events = 20_000
	// killsEach is how often each of the victims is killed.
	killsEach = 4
	// senders is how many events are being sent at once.
	senders = 200
)

// envSeed is the variable with a seed, to kill in the same order and after as many requests
// as another run did.
const envSeed = "KILLTEST_SEED"

// TestKillDelivery kills worker, Temporal server and PostgreSQL at random moments while
// events are stored and delivered to an endpoint that fails for one in ten. Each job ends as
// its event's number says. An event comes again under the same ID, and only where its job's
// history has a reason for that.
func TestKillDelivery(t *testing.T) {
	t.Parallel()
	chosen := rand.Uint64()
	if text := os.Getenv(envSeed); text != "" {
		var err error
		chosen, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("delivery: %s=%d", envSeed, chosen)
	d, began := newDelivery(t), time.Now()
	ctx := bounded(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("jobs: %v", d.stats(context.Background(), t))
		}
	})
	killing, over := context.WithCancel(ctx)
	killer := make(chan error, 1)
	go func() { killer <- d.harass(killing, t, rand.New(rand.NewPCG(chosen, 0))) }()
	stop := sync.OnceValue(func() error { over(); return <-killer })
	// The killer must not kill, or log, after the test's end.
	t.Cleanup(func() { assert.NoError(t, stop()) })

	jobs := d.sendAll(ctx, t)
	sent := time.Since(began)
	d.awaitEnds(ctx, t)
	delivered := time.Since(began)
	require.NoError(t, stop(), "everything was delivered before everybody was killed often enough")
	require.NoError(t, d.stack.WaitReady(ctx))
	d.requireDelivered(ctx, t, jobs)
	d.requireIdle(ctx, t)
	t.Logf("delivery: %d kills each of %v, %d events, sent after %s, ended after %s",
		killsEach, victims, events, sent.Round(time.Second), delivered.Round(time.Second))
}

// harass kills everybody in turn, each time after some more requests and at a random moment
// in what follows.
func (d *courier) harass(ctx context.Context, t *testing.T, rng *rand.Rand) error {
	t.Helper()
	const step = events * 4 / 5 / killsEach
	for round := range killsEach {
		deck := slices.Clone(victims)
		rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		moments := make([]int, len(deck))
		for i := range moments {
			moments[i] = round*step + rng.IntN(step)
		}
		slices.Sort(moments)
		for i, victim := range deck {
			err := until(ctx, "the next kill", func(context.Context) (bool, error) {
				return d.endpoint.soFar() >= moments[i], nil
			})
			if err == nil {
				err = d.kill(ctx, t, victim, time.Duration(rng.IntN(100))*time.Millisecond)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// kill kills a component a while after it is ready: another kill may have hit it just now, and
// it is still starting.
func (d *courier) kill(ctx context.Context, t *testing.T, victim stack.Component, delay time.Duration) error {
	t.Helper()
	if err := d.stack.WaitReady(ctx, victim); err != nil {
		return err
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	t.Logf("killed %s after %d requests", victim, d.endpoint.soFar())
	return d.stack.Kill(victim)
}

// sendAll sends the events, and returns their jobs.
func (d *courier) sendAll(ctx context.Context, t *testing.T) []string {
	t.Helper()
	jobs := make([]string, events)
	var sending errgroup.Group
	sending.SetLimit(senders)
	for number := range events {
		sending.Go(func() (err error) {
			jobs[number], err = d.send(ctx, number)
			return err
		})
	}
	require.NoError(t, sending.Wait())
	return jobs
}

// awaitEnds waits until no job is to be loaded any more.
func (d *courier) awaitEnds(ctx context.Context, t *testing.T) {
	t.Helper()
	open := deliverystore.JobFilter{NotStates: []string{deliverystore.JobSucceeded, deliverystore.JobDiscarded}}
	require.NoError(t, until(ctx, "the end of all jobs", func(ctx context.Context) (bool, error) {
		jobs, err := d.store.Deliveries.ListJobs(ctx, open, deliverystore.Page{Limit: 1})
		return err == nil && len(jobs) == 0, nil
	}))
}
