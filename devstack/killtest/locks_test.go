package killtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// What TestKillLocks runs.
const (
	crowd     = 30
	resources = 6
	// gateResource is what everybody waits for at the beginning.
	gateResource = "gate"
)

// TestKillLocks runs thirty imports with overlapping dependencies, shared and exclusive, while
// worker, Temporal server and PostgreSQL are killed: while all wait, at unrecorded grants, and
// while some work. None overlaps with a conflicting one, locks are granted in the order of the
// requests, and all imports end.
func TestKillLocks(t *testing.T) {
	t.Parallel()
	l, began := newLife(t), time.Now()
	ctx := l.boundedLife(t)
	h := &hunter{life: l, rng: rand.New(rand.NewPCG(seed, 2))}
	for i := range 3 {
		_, err := l.store.Imports.AddSite(ctx, importstore.NewSite{Domain: fmt.Sprintf("crowd-%d.example", i), TimeZone: "UTC"})
		require.NoError(t, err)
	}
	// One import has what all others want, and is paused.
	keeper := &story{
		name: "keeper", site: "crowd-0.example", status: importstore.StatusCompleted, rows: 400,
		args: lockArgs(t, 0, `"rows": 400, "delay": "100ms"`, importers.Dependency{Resource: gateResource}),
	}
	require.NoError(t, l.begin(ctx, keeper))
	require.NoError(t, until(ctx, "the keeper to load", func(ctx context.Context) (bool, error) {
		imp, err := l.store.Imports.Import(ctx, keeper.id)
		return err == nil && imp.Phase == importstore.PhaseLoading, nil
	}))
	require.NoError(t, l.setPaused(ctx, keeper.id, true))

	var telling errgroup.Group
	told := []*story{keeper}
	waiting := h.crowd(t)
	for _, s := range waiting {
		told = append(told, s)
		telling.Go(func() error { return l.tell(ctx, s) })
	}
	// While all wait, three of them are cancelled.
	h.left = aims(importstore.PhaseLocking)
	require.NoError(t, h.hunt(ctx, t))
	h.awaitQueue(ctx, t, crowd, crowd/10)

	require.NoError(t, l.setPaused(ctx, keeper.id, false))
	hunting, over := context.WithCancel(ctx)
	defer over()
	h.left = append(aims(sightGranted, importstore.PhaseLoading), aim{importstore.PhaseCleanUp, stack.ComponentWorker})
	var killing errgroup.Group
	killing.Go(func() error { return h.hunt(hunting, t) })
	err := telling.Wait()
	over()
	require.NoError(t, killing.Wait())
	require.NoError(t, err)
	require.NoError(t, l.stack.WaitReady(ctx))

	kills := map[stack.Component]int{}
	for _, a := range h.done {
		kills[a.victim]++
	}
	for _, victim := range victims {
		assert.GreaterOrEqual(t, kills[victim], 2, "kills of %s", victim)
	}
	for _, s := range told {
		l.requireEnd(ctx, t, s)
	}
	grants := l.requireOrder(ctx, t)
	l.requireTold(ctx, t, told)
	l.requireReleased(ctx, t)
	l.requireCalm(t)
	t.Logf("locks: %d kills (%v), %d imports, %d grants, no overlap and none out of order, %s",
		len(h.done), kills, len(told), grants, time.Since(began).Round(100*time.Millisecond))
}

// lockArgs are arguments with locks, and a month of the import's own.
func lockArgs(t *testing.T, month int, fields string, locks ...importers.Dependency) string {
	t.Helper()
	text, err := json.Marshal(locks)
	require.NoError(t, err)
	first := time.Date(2015, time.Month(1+month), 1, 0, 0, 0, 0, time.UTC)
	return fmt.Sprintf(`{%s, "start_date": %q, "end_date": %q, "locks": %s}`, fields,
		first.Format(time.DateOnly), first.AddDate(0, 1, -1).Format(time.DateOnly), text)
}

// crowd makes imports that lock the gate, which they share, and one to three other
// resources at random. Some of them go wrong, and three are cancelled while they wait.
func (h *hunter) crowd(t *testing.T) []*story {
	t.Helper()
	list := make([]*story, crowd)
	for i := range list {
		locks := []importers.Dependency{{Resource: gateResource, Shared: true}}
		for _, r := range h.rng.Perm(resources)[:1+h.rng.IntN(3)] {
			locks = append(locks, importers.Dependency{Resource: fmt.Sprint("r", r), Shared: h.rng.IntN(2) == 0})
		}
		s := &story{
			name: fmt.Sprint("crowd ", i), site: fmt.Sprintf("crowd-%d.example", i%3), status: importstore.StatusCompleted, rows: 60,
		}
		fields := `"rows": 60, "delay": "40ms"`
		switch i % 10 {
		case 3:
			fields, s.status, s.rows = fields+`, "fail": "finalize", "permanent": true`, importstore.StatusFailed, 0
		case 6:
			s.status, s.rows, s.play = importstore.StatusCancelled, 0, cancelled(inPhase(importstore.PhaseLocking))
		case 9:
			fields += `, "fail": "import_data", "fail_times": 1, "wait": "300ms"`
		}
		s.args = lockArgs(t, i+1, fields, locks...)
		list[i] = s
	}
	return list
}

// setPaused pauses or resumes an import, with as many retries as necessary.
func (l *life) setPaused(ctx context.Context, id int64, paused bool) error {
	give := l.starter.Resume
	if paused {
		give = l.starter.Pause
	}
	return until(ctx, "the answer to a pause", func(ctx context.Context) (bool, error) {
		imp, err := l.store.Imports.Import(ctx, id)
		// An attempt whose answer got lost may have been carried out.
		done := err == nil && imp.Paused == paused
		return done || err == nil && give(ctx, id, bob) == nil, nil
	})
}

// awaitQueue waits until those that are to be cancelled are, and all others have asked
// for their locks.
func (h *hunter) awaitQueue(ctx context.Context, t *testing.T, imports, cancelled int) {
	t.Helper()
	poll(ctx, t, "the queue", func(ctx context.Context) bool {
		var gone, queued int
		err := h.db.QueryRow(ctx, `SELECT (SELECT count(*) FROM imports WHERE status = 'cancelled'),
			(SELECT count(*) FROM lock_requests WHERE granted_at IS NULL)`).Scan(&gone, &queued)
		return err == nil && gone == cancelled && queued == imports-cancelled
	})
}

// requireOrder reads the log of what was really granted: of two imports that must not
// overlap, the one that asked first had released everything before the other one was
// granted anything.
func (l *life) requireOrder(ctx context.Context, t *testing.T) int {
	t.Helper()
	var overlaps, grants, twice int
	err := l.db.QueryRow(ctx, `SELECT count(*) FROM lock_grants a JOIN lock_grants b ON a.seq < b.seq
		WHERE b.granted_at < a.released_at AND EXISTS (
			SELECT 1 FROM dependencies x JOIN dependencies y ON x.resource = y.resource AND NOT (x.shared AND y.shared)
			WHERE x.import_id = a.import_id AND y.import_id = b.import_id)`).Scan(&overlaps)
	require.NoError(t, err)
	assert.Zero(t, overlaps, "pairs of grants that overlap or are out of order")
	err = l.db.QueryRow(ctx, `SELECT count(*), count(*) - count(DISTINCT import_id) FROM lock_grants`).Scan(&grants, &twice)
	require.NoError(t, err)
	assert.Zero(t, twice, "imports that were granted their locks twice")
	return grants
}
