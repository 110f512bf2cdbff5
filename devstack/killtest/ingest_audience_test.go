package killtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/ingest/eventapi"
)

// What the audience sends.
const (
	// singlesPerSecond are requests with one event each, eventsPerSecond events in batches.
	singlesPerSecond = 500
	eventsPerSecond  = 1000
	batchEvents      = 100
	// largeBatch has more events than the server buffers at once; one batch in largeEvery has as many.
	largeBatch = 700
	largeEvery = 25
	// dropEvery is how many single requests there are for each one whose event is to be dropped.
	dropEvery = 20
	// Requests under way at most. Those that wait for a server, or for a key that a dead server has
	// claimed, take no part.
	singleSenders = 192
	batchSenders  = 64
	// again is the pause before another attempt.
	again = 100 * time.Millisecond
)

// audience sends the events of visitors and notes what becomes of them. It is safe for concurrent use.
type audience struct {
	*eventSender
	*ledger
}

// Domains whose events are dropped: of a site that takes none, and of no site.
const (
	blockedDomain = "blocked.example"
	unknownDomain = "unknown.example"
)

// retry calls send until it has reached a server, or ctx ends.
func retry(ctx context.Context, send func() (answer, error)) (answer, error) {
	for {
		got, err := send()
		if !errors.Is(err, errNotSent) || !pauseFor(ctx, again) {
			return got, err
		}
	}
}

// pauseFor waits, and returns false if ctx ends before.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// single sends an event once: without an acknowledgement it is given up.
func (a *audience) single(ctx context.Context, site visitedSite, who visitor) {
	event := a.begin(1)
	name := "pageview"
	if event%5 == 0 {
		name = "Signup"
	}
	body := fmt.Sprintf(`{"n":%q,"u":"https://%s/k/%d","d":%q}`, name, site.domain, event, site.domain)
	got, err := retry(ctx, func() (answer, error) { return a.post(ctx, "/api/event", body, who.header()) })
	switch {
	case errors.Is(err, errNotSent):
	case err != nil || got.status == http.StatusServiceUnavailable:
		a.doubt(event)
	case got.status == http.StatusAccepted && got.dropped == "":
		a.acknowledge(event)
	default:
		a.fault("event %d: %d %s %s", event, got.status, got.dropped, got.body)
	}
}

// toDrop sends an event that is dropped for a reason.
func (a *audience) toDrop(ctx context.Context, domain, reason string, who visitor) {
	body := fmt.Sprintf(`{"n":"pageview","u":"https://%s/","d":%q}`, domain, domain)
	got, err := retry(ctx, func() (answer, error) { return a.post(ctx, "/api/event", body, who.header()) })
	switch {
	case errors.Is(err, errNotSent):
	case err != nil || got.status == http.StatusServiceUnavailable:
		a.drop(domain, false)
	case got.status == http.StatusAccepted && got.dropped == domain+"="+reason:
		a.drop(domain, true)
	default:
		a.fault("an event for %s to be dropped as %s: %d %s %s", domain, reason, got.status, got.dropped, got.body)
	}
}

// line is an event of a batch.
type line struct {
	event int
	who   visitor
	at    time.Time
}

// batch sends events under one Idempotency-Key until there is a final answer, or ctx ends. Lines that
// have failed would need another key: they are given up.
func (a *audience) batch(ctx context.Context, site visitedSite, lines []line) {
	var body strings.Builder
	events := make([]int, len(lines))
	for i, l := range lines {
		events[i] = l.event
		fmt.Fprintf(&body, `{"n":"pageview","u":"https://%s/b/%d","d":%q,"p":{"id":"%d"},"ip":%q,"user_agent":%q,"timestamp":%q}`+"\n",
			site.domain, l.event%7, site.domain, l.event, l.who.ip, l.who.agent, l.at.UTC().Format(time.RFC3339))
	}
	header := map[string]string{
		"Authorization": "Bearer " + site.key, eventapi.HeaderIdempotencyKey: fmt.Sprintf("batch-%d", events[0]),
	}
	for {
		got, err := retry(ctx, func() (answer, error) { return a.post(ctx, "/api/events", body.String(), header) })
		switch {
		case errors.Is(err, errNotSent):
			return
		case err != nil, got.status == http.StatusServiceUnavailable:
			a.doubt(events...)
		case got.status == http.StatusConflict:
			// The claim of a server that has died holds for 30 s.
		case got.status == http.StatusOK:
			a.settle(got.body, events)
			return
		default:
			a.fault("batch of event %d: %d %s", events[0], got.status, got.body)
			return
		}
		if !pauseFor(ctx, 5*again) {
			return
		}
	}
}

// settle notes the results of a batch.
func (a *audience) settle(body string, events []int) {
	results := bufio.NewScanner(strings.NewReader(body))
	n := 0
	for ; results.Scan(); n++ {
		var result eventapi.LineResult
		err := json.Unmarshal(results.Bytes(), &result)
		switch {
		case err != nil || n >= len(events) || result.Line != n+1:
			a.fault("line %d of the answer to the batch of event %d: %s", n+1, events[0], results.Text())
			return
		case result.Status == eventapi.LineAccepted && result.Buffered == 1:
			a.acknowledge(events[n])
		case result.Status == eventapi.LineFailed:
			a.doubt(events[n])
		default:
			a.fault("event %d: %s", events[n], results.Text())
		}
	}
	if n != len(events) {
		a.fault("the answer to the batch of event %d has %d lines, want %d", events[0], n, len(events))
	}
}

// run sends at the rates until sending ends, and returns once every request has ended. What is due while
// no server answers is sent afterwards. ctx bounds everything.
func (a *audience) run(ctx, sending context.Context) {
	var all sync.WaitGroup
	singles, batches := make(chan int), make(chan int)
	all.Go(func() { pace(sending, singlesPerSecond, singles) })
	all.Go(func() { pace(sending, float64(eventsPerSecond)/batchEvents, batches) })
	for n := range singleSenders {
		all.Go(func() { a.sendSingles(ctx, singles, rand.New(rand.NewPCG(seed, uint64(n)))) })
	}
	for n := range batchSenders {
		all.Go(func() { a.sendBatches(ctx, batches, rand.New(rand.NewPCG(seed, uint64(singleSenders+n)))) })
	}
	all.Wait()
}

// pace sends the numbers of what is due to a queue, and closes it when ctx ends.
func pace(ctx context.Context, perSecond float64, queue chan<- int) {
	defer close(queue)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	begun := time.Now()
	for made := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for want := int(time.Since(begun).Seconds() * perSecond); made < want; made++ {
			select {
			case queue <- made:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (a *audience) sendSingles(ctx context.Context, due <-chan int, rng *rand.Rand) {
	for n := range due {
		who := visitorOf(rng.IntN(visitors))
		switch n % (2 * dropEvery) {
		case 0:
			a.toDrop(ctx, blockedDomain, "block", who)
		case dropEvery:
			a.toDrop(ctx, unknownDomain, "not_found", who)
		default:
			a.single(ctx, a.sites[rng.IntN(len(a.sites))], who)
		}
	}
}

// spread is how far the events of a batch lie back at most: they fall into several sessions, and before
// the local midnight of some site.
const spread = 20 * time.Hour

func (a *audience) sendBatches(ctx context.Context, due <-chan int, rng *rand.Rand) {
	for n := range due {
		size := batchEvents
		if n%largeEvery == largeEvery-1 {
			size = largeBatch
		}
		first, at := a.begin(size), time.Now().Add(-time.Duration(rng.Int64N(int64(spread))))
		lines := make([]line, size)
		for i := range lines {
			at = at.Add(time.Duration(rng.IntN(30)) * time.Second)
			if at.After(time.Now()) {
				at = time.Now()
			}
			lines[i] = line{first + i, visitorOf(rng.IntN(visitors)), at}
		}
		a.batch(ctx, a.sites[rng.IntN(len(a.sites))], lines)
	}
}
