package killtest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/stack"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

const (
	// envIngestKills is how many kills TestKillIngest makes; for `make soak`.
	envIngestKills = "KILLTEST_INGEST_KILLS"
	ingestKills    = 20
	// maxRoundKills bounds the kills of one stack: within its time the log keeps all messages, for the
	// undisturbed writer.
	maxRoundKills = 20
	// minRate is the least rate of events, on average over the kills.
	minRate = 1000

	ingestPartitions = 6
)

// TestKillIngest sends known events at more than 1,000/s while server, workers, ClickHouse, PostgreSQL and the
// event log are killed at random. Afterwards:
//
//   - an acknowledged event is stored once. One that was sent again, by a batch under its
//     Idempotency-Key, is stored once by the attempt that was acknowledged, and at most once by each attempt of which
//     the sender learned no outcome: the connection broke, or the answer was 503. An event
//     without an acknowledgement is stored at most once by each such attempt.
//   - events, sessions and counters equal those that an undisturbed writer makes of the same log in another
//     database, although partitions have moved between workers and salts have changed at a midnight.
//   - a visit that passes midnight is one session.
//   - counters of buffered events equal the events. A dropped event is counted once if an answer said so, and at
//     most once otherwise.
//
// It runs alone, before the parallel tests: it needs the machine for its rate.
func TestKillIngest(t *testing.T) {
	left := number(t, envIngestKills, ingestKills)
	for round := 1; left > 0; round++ {
		kills := max(min(left, maxRoundKills), len(ingestTargets))
		left -= kills
		if !t.Run("round "+strconv.Itoa(round), func(t *testing.T) { killIngest(t, uint64(round), kills) }) {
			return
		}
	}
}

func killIngest(t *testing.T, round uint64, kills int) {
	t.Helper()
	i := newIngestion(t, map[string]string{
		"SLUICE_EVENTLOG_PARTITIONS": strconv.Itoa(ingestPartitions), "SLUICE_INGEST_FLUSH_INTERVAL": "500ms",
	})
	ctx, began := bounded(t), time.Now()
	a := i.newAudience(ctx, t)
	owls := a.nightOwls(t)
	a.sendOwls(ctx, owls, true)

	killer := &ingestKiller{
		ingestion: i, rng: rand.New(rand.NewPCG(seed, round)), kills: map[stack.Component]int{},
		second: i.spawnWorker(t, i.variables()...),
	}
	held := i.leases(ctx, t)
	sending, stop := context.WithCancel(ctx)
	defer stop()
	sent := make(chan struct{})
	before, storm := a.sent(), time.Now()
	go func() {
		defer close(sent)
		a.run(ctx, sending)
	}()
	killer.harass(ctx, t, a.ledger, kills)
	took := time.Since(storm)
	rate := float64(a.sent()-before) / took.Seconds()
	stop()
	require.NoError(t, i.stack.WaitReady(ctx))
	other := i.writeUndisturbed(ctx, t)
	<-sent
	a.sendOwls(ctx, owls, false)
	i.awaitWritten(ctx, t, i.kept)
	i.awaitWritten(ctx, t, other)

	stored := i.stored(ctx, t)
	summary := a.requireStored(t, stored)
	requireOwls(t, owls, stored)
	i.requireSame(ctx, t)
	i.requireDays(ctx, t, a.sites)
	counted := i.requireCounters(ctx, t, a.ledger)
	// Both workers of the beginning were killed: no partition has its holder any more.
	moves := requireMoved(t, held, i.leases(ctx, t))
	for _, victim := range ingestTargets {
		assert.GreaterOrEqual(t, killer.kills[victim], kills/len(ingestTargets), "kills of %s", victim)
	}
	assert.GreaterOrEqual(t, rate, float64(minRate), "events a second")
	t.Logf("ingestion: seed %d/%d, %d kills (%v) within %s at %.0f events/s, holders of partitions changed %d times; %s; %s; all took %s",
		seed, round, kills, killer.kills, took.Round(time.Second), rate, moves, summary, counted,
		time.Since(began).Round(time.Second))
}

// newAudience adds sites and returns their audience.
func (i *ingestion) newAudience(ctx context.Context, t *testing.T) *audience {
	t.Helper()
	a := &audience{ledger: newLedger(), eventSender: i.newSender(ctx, t,
		visitedSite{domain: "utc.example", zone: "UTC"}, visitedSite{domain: "auckland.example", zone: "Pacific/Auckland"},
		visitedSite{domain: "los-angeles.example", zone: "America/Los_Angeles"})}
	i.addBlocked(ctx, t, a)
	return a
}

// addBlocked adds a site whose events are dropped, and waits until the server knows it.
func (i *ingestion) addBlocked(ctx context.Context, t *testing.T, a *audience) {
	t.Helper()
	block := func(s *ingeststore.Settings) { s.Blocked = true }
	i.addSite(t, blockedDomain, "UTC", block) //nolint:contextcheck // It has the context of the test.
	poll(ctx, t, "the server to know "+blockedDomain, func(ctx context.Context) bool {
		event := a.begin(1)
		body := fmt.Sprintf(`{"n":"pageview","u":"https://%s/k/%d"}`, blockedDomain, event)
		got, err := a.post(ctx, "/api/event", body, visitorOf(0).header())
		switch {
		case err != nil || got.status != http.StatusAccepted:
			a.doubt(event)
			a.drop(blockedDomain, false)
		case got.dropped == "":
			// The server knows the site, and not yet that it is blocked.
			a.acknowledge(event)
		default:
			// Before it knows the site, the event is dropped as not_found.
			a.drop(blockedDomain, true)
		}
		return got.dropped == blockedDomain+"=block"
	})
}
