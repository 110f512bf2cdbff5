package killtest_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/polltest"
)

// secondWorker is the worker process beside that of the stack. Its supervisor is the test.
const secondWorker stack.Component = "second worker"

// ingestTargets are the processes that are killed while events arrive.
var ingestTargets = []stack.Component{
	stack.ComponentServer, stack.ComponentWorker, secondWorker, stack.ComponentClickHouse, stack.ComponentPostgres,
	stack.ComponentEventLog,
}

// Between two kills events are acknowledged: minBetween at least, and up to moreBetween more.
const (
	minBetween  = 1000
	moreBetween = 2500
)

// ingestKiller kills processes of an ingestion.
type ingestKiller struct {
	*ingestion
	rng    *rand.Rand
	second process
	// kills counts the kills of each process.
	kills map[stack.Component]int
}

// variables returns the environment of a further process, as KEY=value. more are variables that replace others.
func (i *ingestion) variables(more ...string) []string {
	return append(stack.WithEnv(nil, i.env), more...)
}

// ingestVictims returns whom to kill, one after the other: each process once in random order, then each again. Before the
// kill of the server with the index midnight, in the middle, the salts change.
func ingestVictims(rng *rand.Rand, kills int) (all []stack.Component, midnight int) {
	for len(all) < kills {
		deck := slices.Clone(ingestTargets)
		rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		all = append(all, deck...)
	}
	middle := kills / len(ingestTargets) / 2 * len(ingestTargets)
	return all[:kills], middle + slices.Index(all[middle:], stack.ComponentServer)
}

// harass kills as often as wanted.
func (k *ingestKiller) harass(ctx context.Context, t *testing.T, l *ledger, kills int) {
	t.Helper()
	all, midnight := ingestVictims(k.rng, kills)
	for n, victim := range all {
		next := l.acknowledged.Load() + minBetween + k.rng.Int64N(moreBetween)
		poll(ctx, t, "acknowledged events", func(context.Context) bool { return l.acknowledged.Load() >= next })
		if n == midnight {
			k.midnight(ctx, t)
		}
		t.Logf("kill %d: %s", n+1, victim)
		k.kill(ctx, t, victim)
	}
}

// kill kills a process that is ready. A supervisor starts it again.
func (k *ingestKiller) kill(ctx context.Context, t *testing.T, victim stack.Component) {
	t.Helper()
	k.kills[victim]++
	if victim == secondWorker {
		k.second.kill()
		k.second = k.spawnWorker(t, k.variables()...) //nolint:contextcheck // It lives as long as the test.
		return
	}
	require.NoError(t, k.stack.WaitReady(ctx, victim))
	require.NoError(t, k.stack.Kill(victim))
}

// lease is that of a partition.
type lease struct {
	Partition int32
	// Holder is a process, also after its death.
	Holder       string
	FencingToken int64
}

// leases returns the lease of each partition, once each has a holder.
func (i *ingestion) leases(ctx context.Context, t *testing.T) (all []lease) {
	t.Helper()
	polltest.Until(t, func(c *polltest.Check) {
		rows, err := i.db.Query(ctx,
			"SELECT partition, holder, fencing_token FROM ingest_leases WHERE holder IS NOT NULL ORDER BY partition")
		require.NoError(c, err)
		all, err = pgx.CollectRows(rows, pgx.RowToStructByName[lease])
		require.NoError(c, err)
		require.Len(c, all, i.log.Partitions())
	}, time.Minute, writtenEvery)
	return all
}

// requireMoved checks that each partition has another holder than before, and returns how often holders have changed.
func requireMoved(t *testing.T, before, after []lease) (moves int64) {
	t.Helper()
	require.Len(t, after, len(before))
	for n, old := range before {
		require.Equal(t, old.Partition, after[n].Partition)
		assert.NotEqual(t, old.Holder, after[n].Holder, "holder of partition %d", old.Partition)
		moves += after[n].FencingToken - old.FencingToken
	}
	return moves
}
