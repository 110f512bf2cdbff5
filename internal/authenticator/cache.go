package authenticator

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/sluicehq/sluice/access"
)

// Bounds of what is kept of tokens.
const (
	// maxKept bounds the tokens in memory.
	maxKept = 2048
	// keptFor bounds how long a token is used without a query.
	keptFor = time.Minute
	// noteEvery is how often the use of a token is noted.
	noteEvery = time.Minute
)

// cache has valid tokens by their hash. It is empty while it is disabled, as it is at first. It is safe for concurrent
// use.
type cache struct {
	mu      sync.Mutex
	enabled bool
	// generation is raised when tokens have changed: what was read before is not kept.
	generation uint64
	kept       map[[sha256.Size]byte]*keptToken
	// noted is when the use of tokens was last noted, by ID.
	noted map[int64]time.Time
}

type keptToken struct {
	principal access.Principal
	until     time.Time
}

func newCache() *cache {
	return &cache{kept: map[[sha256.Size]byte]*keptToken{}, noted: map[int64]time.Time{}}
}

// find returns the principal of a token that is kept, and whether its use is to be noted. The generation is for keep.
func (c *cache) find(
	hash [sha256.Size]byte, now time.Time,
) (p access.Principal, note bool, generation uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, found := c.kept[hash]
	if !found || !now.Before(kept.until) {
		return access.Principal{}, false, c.generation, false
	}
	return kept.principal, c.used(kept.principal.ID, now), c.generation, true
}

// keep keeps a token that was read in a generation, for at most its life, 0 for ever, and returns whether its use is to
// be noted.
func (c *cache) keep(
	hash [sha256.Size]byte, p access.Principal, life time.Duration, now time.Time, generation uint64,
) (note bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	note = c.used(p.ID, now)
	if !c.enabled || generation != c.generation {
		return note
	}
	if len(c.kept) >= maxKept {
		clear(c.kept)
	}
	if life <= 0 || life > keptFor {
		life = keptFor
	}
	c.kept[hash] = &keptToken{principal: p, until: now.Add(life)}
	return note
}

// used tells whether the use of a token is to be noted. The caller holds the lock.
func (c *cache) used(id int64, now time.Time) bool {
	if last, ok := c.noted[id]; ok && now.Sub(last) < noteEvery {
		return false
	}
	if len(c.noted) >= maxKept {
		clear(c.noted)
	}
	c.noted[id] = now
	return true
}

// clear forgets all tokens, and keeps those that are read from now on.
func (c *cache) clear() { c.reset(true) }

// disable forgets all tokens, and keeps none.
func (c *cache) disable() { c.reset(false) }

func (c *cache) reset(enabled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enabled = enabled
	c.generation++
	clear(c.kept)
}
