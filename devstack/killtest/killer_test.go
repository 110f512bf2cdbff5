package killtest_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/stack"
)

// targets are the components that are killed.
var targets = append(stack.Engines(), stack.ComponentWorker)

// killer kills components at random.
type killer struct {
	*system
	rng   *rand.Rand
	deck  []stack.Component
	kills map[stack.Component]int
}

func (k *killer) total() (n int) {
	for _, kills := range k.kills {
		n += kills
	}
	return n
}

// harass kills one component after the other while an import is loading, each time
// after some progress and at a random moment within a chunk. It returns when the
// import is about to end or has been killed often enough.
func (k *killer) harass(ctx context.Context, t *testing.T, id int64) {
	t.Helper()
	next := int32(0)
	for k.total() < wantKills {
		next += int32(1 + k.rng.IntN(4))
		now := k.awaitChunks(ctx, t, id, next)
		if !now.loading() {
			return
		}
		next = now.chunks
		k.pause(ctx)
		victim := k.draw()
		// Another kill may have hit it just now, and it is still starting.
		require.NoError(t, k.stack.WaitReady(ctx, victim))
		if now, err := k.state(ctx, id); err == nil && !now.loading() {
			return
		}
		require.NoError(t, k.stack.Kill(victim))
		k.kills[victim]++
		t.Logf("killed %s at chunk %d", victim, next)
	}
}

// pause waits for a random part of a chunk's duration, so that kills do not always follow a
// checkpoint.
func (k *killer) pause(ctx context.Context) {
	timer := time.NewTimer(time.Duration(k.rng.IntN(40)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// draw picks the next victim: a shuffled round of all, then the next round.
func (k *killer) draw() stack.Component {
	if len(k.deck) == 0 {
		k.deck = slices.Clone(targets)
		k.rng.Shuffle(len(k.deck), func(i, j int) { k.deck[i], k.deck[j] = k.deck[j], k.deck[i] })
	}
	victim := k.deck[0]
	k.deck = k.deck[1:]
	return victim
}
