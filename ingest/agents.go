package ingest

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/sluicehq/sluice/ingest/refdata/bots"
	"github.com/sluicehq/sluice/ingest/useragent"
)

const (
	// agentSlots is how many user agents are remembered at most.
	agentSlots = 4096
	// maxAgent is the most bytes of a user agent that is remembered: as many as are read of one.
	maxAgent = 512
)

// agents remembers what frequent user agents say, in at most 4 MB. A user agent is remembered once it comes twice
// without another in between that has its slot: random ones cost little more than without, and drive no frequent
// one out. It is safe for concurrent use.
type agents struct {
	seed maphash.Seed
	// missed are the hashes of the user agents that were last not found.
	missed [agentSlots]atomic.Uint64
	slots  [agentSlots]atomic.Pointer[knownAgent]
}

// knownAgent is what a user agent says; of a bot's, nothing else. It is immutable.
type knownAgent struct {
	userAgent string
	// bots has decided about bot, or is nil.
	bots *bots.Matcher
	bot  bool
	useragent.Agent
}

func newAgents() *agents { return &agents{seed: maphash.MakeSeed()} }

// of returns what a user agent says, and whether the matcher takes it for a bot's. Without a matcher it is none.
func (a *agents) of(userAgent string, matcher *bots.Matcher) knownAgent {
	if len(userAgent) > maxAgent {
		return readAgent(userAgent, matcher)
	}
	hash := maphash.String(a.seed, userAgent)
	at := hash % agentSlots
	if known := a.slots[at].Load(); known != nil && known.userAgent == userAgent && known.bots == matcher {
		return *known
	}
	if a.missed[at].Swap(hash) != hash {
		return readAgent(userAgent, matcher)
	}
	// The text may be a part of a longer one, which would be kept too.
	known := readAgent(strings.Clone(userAgent), matcher)
	a.slots[at].Store(&known)
	return known
}

func readAgent(userAgent string, matcher *bots.Matcher) knownAgent {
	known := knownAgent{userAgent: userAgent, bots: matcher}
	if known.bot = matcher != nil && matcher.Match(userAgent); !known.bot {
		known.Agent = useragent.Parse(userAgent)
	}
	return known
}
