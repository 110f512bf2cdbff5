package app

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
)

// changer changes members of a list at random.
type changer struct {
	fake    *fakemailchimp.Server
	members int
	random  *rand.Rand

	mu   sync.Mutex
	over bool
	n    int
	last time.Time
}

func newChanger(fake *fakemailchimp.Server, members int, seed uint64) *changer {
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // G404: sample data
	return &changer{fake: fake, members: members, random: random}
}

// run changes a member at an interval, until end is called or ctx ends.
func (c *changer) run(ctx context.Context, every time.Duration) {
	for range delay.Rounds(ctx, max(every, time.Millisecond)) {
		if !c.change() {
			return
		}
	}
}

// change changes a member: the names, and every second time it subscribes one who was not. It reports whether
// more are to follow.
func (c *changer) change() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.n, c.last = c.n+1, time.Now()
	m := generated(c.random.IntN(c.members), c.last)
	m.MergeFields = map[string]any{"FNAME": fmt.Sprintf("Changed %d", c.n), "LNAME": "Lee"}
	if c.n%2 == 0 {
		m.Status = "subscribed"
	}
	c.fake.Put(m)
	return true
}

// changed is the answer of DELETE /control/changes.
type changed struct {
	Changes int `json:"changes"`
	// Settled is when a run includes the last change: a window ends 10 seconds before its run.
	Settled int64 `json:"settled_unix"`
}

// settleTime is the time after which a window includes a change, with a second for the rounding.
const settleTime = 11 * time.Second

// end is DELETE /control/changes: it ends the changes, and tells how many there were.
func (c *changer) end(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	c.over = true
	answer := changed{Changes: c.n, Settled: time.Now().Unix()}
	if c.n > 0 {
		answer.Settled = c.last.Add(settleTime).Unix() + 1
	}
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		return // the client has gone
	}
}
