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
	importstore "github.com/sluicehq/sluice/store/importing"
)

// maxRounds bounds how often the imports are run until every aim was hit.
const maxRounds = 4

// stories are imports that go every way through the life cycle but for locks, which are
// the subject of TestKillLocks. Each callback takes its time, so that it can be hit.
func stories() []*story {
	accepted, declined := decided(importstore.Accepted), decided(importstore.Declined)
	anyhow := func(importstore.Import) bool { return true }
	return []*story{
		{name: "plain", args: `{"rows": 200, "parts": 2, "delay": "150ms"}`, status: importstore.StatusCompleted, rows: 200},
		{
			name: "accepted", args: `{"rows": 200, "parts": 2, "delay": "200ms"}`,
			review: true, reviewed: true, play: accepted, staged: true, status: importstore.StatusCompleted, rows: 200,
		},
		{
			name: "accepted at the second attempt", args: `{"rows": 100, "delay": "200ms", "fail": "stage_done", "fail_times": 1}`,
			review: true, reviewed: true, play: accepted, staged: true, status: importstore.StatusCompleted, rows: 100,
		},
		{
			name: "declined", args: `{"rows": 200, "parts": 2, "delay": "200ms"}`,
			review: true, reviewed: true, play: declined, status: importstore.StatusDeclined,
		},
		{
			name: "expired", args: `{"rows": 100, "delay": "50ms"}`,
			review: true, reviewed: true, expiry: 4 * time.Second, status: importstore.StatusDeclined,
		},
		{
			name: "cancelled in its review", args: `{"rows": 100, "delay": "100ms"}`, review: true, reviewed: true,
			play: cancelled(inPhase(importstore.PhaseInReview)), status: importstore.StatusCancelled,
		},
		{
			name: "patient", args: `{"rows": 200, "parts": 2, "delay": "50ms", "fail": "import_data", "fail_times": 1, "wait": "2s"}`,
			status: importstore.StatusCompleted, rows: 200,
		},
		{
			name: "patient at its start", args: `{"rows": 100, "fail": "before_start", "fail_times": 1, "wait": "2s"}`,
			status: importstore.StatusCompleted, rows: 100,
		},
		{
			name: "cancelled while it waits", args: `{"rows": 100, "parts": 2, "fail": "import_data", "wait": "10m"}`,
			play: cancelled(func(imp importstore.Import) bool { return imp.WaitUntil != nil }), status: importstore.StatusCancelled,
		},
		{
			name: "cancelled while it loads", args: `{"rows": 100000, "delay": "100ms"}`,
			play: cancelled(inPhase(importstore.PhaseLoading)), status: importstore.StatusCancelled,
		},
		{
			name: "cancelled at once", args: `{"rows": 50, "fail": "before_start", "wait": "10m"}`,
			play: cancelled(anyhow), status: importstore.StatusCancelled,
		},
		{
			name: "failed at its plan", args: `{"rows": 100, "delay": "200ms", "fail": "plan", "permanent": true}`,
			status: importstore.StatusFailed,
		},
		{
			name: "failed behind its rows", args: `{"rows": 200, "delay": "200ms", "fail": "finalize", "permanent": true}`,
			status: importstore.StatusFailed,
		},
		{
			name: "untidy", args: `{"rows": 100, "delay": "200ms", "fail": "clean_up", "fail_times": 1}`,
			status: importstore.StatusCompleted, rows: 100,
		},
		{name: "unchanged", args: `{"unchanged": true, "delay": "100ms"}`, status: importstore.StatusUnchanged},
	}
}

// TestKillLifeCycle kills worker, Temporal server and PostgreSQL while imports wait for decisions
// and are decided, wait for their source, give up, clean up, and send notifications. Each ends as
// expected, with or without its rows, and sends a notification.
func TestKillLifeCycle(t *testing.T) {
	t.Parallel()
	l, began := newLife(t), time.Now()
	ctx := l.boundedLife(t)
	h := &hunter{life: l, rng: rand.New(rand.NewPCG(seed, 1))}
	h.left = append(aims(importstore.PhaseInReview, importstore.PhaseStagingDone, sightWaiting, importstore.PhaseOnFailure, importstore.PhaseCleanUp),
		aim{sightSending, stack.ComponentWorker}, aim{sightSending, stack.ComponentPostgres})

	var told []*story
	for round := 1; len(h.left) > 0; round++ {
		require.LessOrEqual(t, round, maxRounds, "not hit: %v", h.left)
		told = append(told, h.round(ctx, t, round, stories())...)
	}
	for _, s := range told {
		l.requireEnd(ctx, t, s)
	}
	repeated := l.requireTold(ctx, t, told)
	l.requireReleased(ctx, t)
	l.requireCalm(t)
	t.Logf("life cycle: %d kills, %d imports, each ended as it should, each told of, %d repeated, %s",
		len(h.done), len(told), repeated, time.Since(began).Round(100*time.Millisecond))
}

// round runs all stories at once, and kills meanwhile.
func (h *hunter) round(ctx context.Context, t *testing.T, round int, told []*story) []*story {
	t.Helper()
	hunting, over := context.WithCancel(ctx)
	defer over()
	var killing, telling errgroup.Group
	for i, s := range told {
		s.site, s.name = fmt.Sprintf("story-%d-%d.example", round, i), fmt.Sprintf("%s, round %d", s.name, round)
		_, err := h.store.Imports.AddSite(ctx, importstore.NewSite{Domain: s.site, TimeZone: "UTC"})
		require.NoError(t, err)
	}
	for _, s := range told {
		telling.Go(func() error { return h.tell(ctx, s) })
	}
	killing.Go(func() error { return h.hunt(hunting, t) })
	err := telling.Wait()
	over()
	require.NoError(t, killing.Wait())
	t.Logf("round %d has ended", round)
	require.NoError(t, h.stack.WaitReady(ctx))
	require.NoError(t, err)
	return told
}

// requireTold waits until all expected events have arrived, and checks that there are no others. It
// returns the number of events that arrived more than once.
func (l *life) requireTold(ctx context.Context, t *testing.T, stories []*story) (repeated int) {
	t.Helper()
	want := map[string]bool{}
	for _, s := range stories {
		for _, id := range s.announcements() {
			want[id] = true
		}
	}
	poll(ctx, t, "all deliveries", func(ctx context.Context) bool {
		var open int
		err := l.db.QueryRow(ctx, `SELECT count(*) FROM events e JOIN jobs j ON j.event_id = e.id
			WHERE e.source = 'sluice' AND j.state <> 'succeeded'`).Scan(&open)
		return err == nil && open == 0
	})
	came, bodies, jobs := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, event := range l.receiver.Events() {
		var said importstore.Announcement
		require.NoError(t, json.Unmarshal(event.Data, &said))
		if came[said.ID] {
			repeated++
			assert.Equal(t, bodies[said.ID], event.Body, "repeated, %s says the same", said.ID)
			assert.Equal(t, jobs[said.ID], event.ID, "repeated, %s has the same ID", said.ID)
		}
		came[said.ID], bodies[said.ID], jobs[said.ID] = true, event.Body, event.ID
	}
	assert.Equal(t, want, came, "announcements")
	return repeated
}

// requireReleased checks that no import holds or waits for a lock, and that no grant is open.
func (l *life) requireReleased(ctx context.Context, t *testing.T) {
	t.Helper()
	var requests, resources, open int
	err := l.db.QueryRow(ctx, `SELECT (SELECT count(*) FROM lock_requests), (SELECT count(*) FROM lock_resources),
		(SELECT count(*) FROM lock_grants WHERE released_at IS NULL)`).Scan(&requests, &resources, &open)
	require.NoError(t, err)
	assert.Zero(t, requests, "requests for locks")
	assert.Zero(t, resources, "resources of requests")
	assert.Zero(t, open, "grants that were not released")
	assert.Empty(t, l.tracesOf(t, traceOverlaps), "imports that overlapped")
}
