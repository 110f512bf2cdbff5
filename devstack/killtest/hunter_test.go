package killtest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sluicehq/sluice/devstack/stack"
)

// Sights are what a hunter can wait for, besides the phases of imports.
const (
	// sightGranted is an import that was granted its locks, and does not know it yet.
	sightGranted = "granted"
	// sightWaiting is an import that waits for its source.
	sightWaiting = "waiting"
	// sightSending is a notification that has arrived, and whose sender does not know it.
	sightSending = "sending"
)

// aim is a component to be killed, and the sight at which that is to happen.
type aim struct {
	sight  string
	victim stack.Component
}

func (a aim) String() string { return fmt.Sprintf("%s while %s", a.victim, a.sight) }

// victims are the components that are killed during the life cycle.
var victims = []stack.Component{stack.ComponentWorker, stack.ComponentTemporal, stack.ComponentPostgres}

// aims are all victims at each of the sights.
func aims(sights ...string) []aim {
	var list []aim
	for _, sight := range sights {
		for _, victim := range victims {
			list = append(list, aim{sight, victim})
		}
	}
	return list
}

// hunter kills components at moments of the life cycle.
type hunter struct {
	*life
	rng *rand.Rand
	// left is what is still to be done, done what was.
	left, done []aim
}

// hunt kills until nothing is left to do, or ctx ends.
func (h *hunter) hunt(ctx context.Context, t *testing.T) error {
	t.Helper()
	for len(h.left) > 0 && ctx.Err() == nil {
		h.rng.Shuffle(len(h.left), func(i, j int) { h.left[i], h.left[j] = h.left[j], h.left[i] })
		i := h.choose(ctx)
		if i < 0 {
			return nil
		}
		if err := h.strike(ctx, t, i); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// choose returns the first thing to do whose moment has come; -1 when ctx ends before. A
// store that does not answer shows nothing: it is getting up.
func (h *hunter) choose(ctx context.Context) int {
	for _, a := range h.left {
		if a.sight == sightSending {
			h.gate.arm()
		}
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		sights, err := h.look(ctx)
		if err == nil {
			for i, a := range h.left {
				if sights[a.sight] {
					return i
				}
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return -1
		}
	}
}

// look returns what can be seen right now.
func (h *hunter) look(ctx context.Context) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	rows, err := h.db.Query(ctx, `
		SELECT phase FROM imports WHERE status IN ('queued', 'running', 'in_review') AND run_id <> ''
		UNION SELECT $1 FROM imports WHERE wait_until IS NOT NULL
		UNION SELECT $2 FROM lock_requests WHERE granted_at IS NOT NULL AND taken_at IS NULL`, sightWaiting, sightGranted)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	sights := map[string]bool{sightSending: h.gate.holds()}
	for rows.Next() {
		var sight string
		if err := rows.Scan(&sight); err != nil {
			return nil, err
		}
		sights[sight] = true
	}
	return sights, rows.Err()
}

// strike does what is left under that number. Another kill may have hit the victim just
// now, and it is still starting; then the moment has gone, and it stays to be done.
func (h *hunter) strike(ctx context.Context, t *testing.T, i int) error {
	t.Helper()
	a := h.left[i]
	if a.sight == sightSending {
		defer h.gate.release()
	} else if a.sight != sightGranted {
		// Anywhere within the moment: most take some hundred milliseconds.
		timer := time.NewTimer(time.Duration(h.rng.IntN(100)) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := h.stack.Kill(a.victim); err != nil {
		return errors.Join(err, h.stack.WaitReady(ctx, a.victim))
	}
	t.Logf("killed %s", a)
	h.left = append(h.left[:i:i], h.left[i+1:]...)
	h.done = append(h.done, a)
	// Everything gets up again before the next one falls: what is to be shown is that
	// nothing is lost, not that nothing moves meanwhile.
	return h.stack.WaitReady(ctx)
}
