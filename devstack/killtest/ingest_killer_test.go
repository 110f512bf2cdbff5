//go:build soak

package killtest_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/stack"
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

// ingestKiller kills processes of an ingestion at random.
type ingestKiller struct {
	*ingestion
	rng    *rand.Rand
	second process
	deck   []stack.Component
	kills  map[stack.Component]int
	total  int
}

// variables returns the environment of a further process, as KEY=value. more are variables that replace others.
func (i *ingestion) variables(more ...string) []string {
	return append(stack.WithEnv(nil, i.env), more...)
}

// harass kills as often as wanted. In the middle there is a midnight.
func (k *ingestKiller) harass(ctx context.Context, t *testing.T, l *ledger, wanted int) {
	t.Helper()
	for k.total < wanted {
		next := l.acknowledged.Load() + minBetween + k.rng.Int64N(moreBetween)
		poll(ctx, t, "acknowledged events", func(context.Context) bool { return l.acknowledged.Load() >= next })
		if k.total == wanted/2 {
			k.midnight(ctx, t)
			k.kill(ctx, t, stack.ComponentServer)
			continue
		}
		if len(k.deck) == 0 {
			k.deck = slices.Clone(ingestTargets)
			k.rng.Shuffle(len(k.deck), func(i, j int) { k.deck[i], k.deck[j] = k.deck[j], k.deck[i] })
		}
		victim := k.deck[0]
		k.deck = k.deck[1:]
		k.kill(ctx, t, victim)
	}
}

// kill kills a process that is ready. A supervisor starts it again.
func (k *ingestKiller) kill(ctx context.Context, t *testing.T, victim stack.Component) {
	t.Helper()
	k.total++
	k.kills[victim]++
	t.Logf("kill %d: %s", k.total, victim)
	if victim == secondWorker {
		k.second.kill()
		k.second = k.spawnWorker(t, k.variables()...)
		return
	}
	require.NoError(t, k.stack.WaitReady(ctx, victim))
	require.NoError(t, k.stack.Kill(victim))
}

// watchLeases notes the holders of each partition until ctx ends.
func (i *ingestion) watchLeases(ctx context.Context) map[int32]map[string]bool {
	holders := map[int32]map[string]bool{}
	for pauseFor(ctx, 500*time.Millisecond) {
		rows, err := i.db.Query(ctx, "SELECT partition, holder FROM ingest_leases WHERE holder IS NOT NULL")
		if err != nil {
			continue
		}
		type lease struct {
			Partition int32
			Holder    string
		}
		leases, err := pgx.CollectRows(rows, pgx.RowToStructByName[lease])
		if err != nil {
			continue
		}
		for _, l := range leases {
			if holders[l.Partition] == nil {
				holders[l.Partition] = map[string]bool{}
			}
			holders[l.Partition][l.Holder] = true
		}
	}
	return holders
}
