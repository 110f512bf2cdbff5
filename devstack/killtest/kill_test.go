package killtest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicehq/sluice/devstack/stack"
)

// What the kill test asks for.
const (
	seed      = 20260801
	wantKills = 24
	chunkRows = 10_000
)

// TestKill imports a million rows in a hundred chunks while worker, Temporal server,
// PostgreSQL and ClickHouse are killed again and again at random moments. However
// often that happens, the warehouse ends up with the rows of the input.
func TestKill(t *testing.T) {
	t.Parallel()
	in := newInput(t, shape{rows: 1_000_000, badEvery: 4_001, outsideEvery: 2_503})
	s := newSystem(t, folder(t), true)
	k := &killer{system: s, rng: rand.New(rand.NewPCG(seed, 0)), kills: map[stack.Component]int{}}
	ctx, began := bounded(t), time.Now()

	imports := 0
	for k.total() < wantKills {
		imports++
		imp := s.start(t, fmt.Sprintf("site-%d.example", imports), in, chunkRows)
		k.harass(ctx, t, imp.ID)
		now := s.awaitEnd(ctx, t, imp.ID)
		assert.True(t, now.ended(), "import %d is %s", imp.ID, now.status)
		s.requireExact(t, imp.ID, in)
	}
	s.requireCalm(t)
	for _, c := range targets {
		assert.GreaterOrEqual(t, k.kills[c], wantKills/len(targets)-1, "kills of %s", c)
	}
	t.Logf("kill test: seed %d, %d kills while loading (%v), %d imports of %d rows, all exact, %s",
		seed, k.total(), k.kills, imports, in.rowsRead, time.Since(began).Round(100*time.Millisecond))
}
