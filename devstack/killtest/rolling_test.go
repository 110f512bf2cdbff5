package killtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/webhook/webhooktest"
	"github.com/sluicehq/sluice/devstack/sluice"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/wiring"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// How much TestRollingRestart does; the variables are for `make soak`.
const (
	envRollingRounds  = "KILLTEST_ROLLING_ROUNDS"
	envRollingImports = "KILLTEST_ROLLING_IMPORTS"
	envRollingRows    = "KILLTEST_ROLLING_ROWS"

	// rollingRounds is how often each process is replaced.
	rollingRounds = 1
	// rollingImports is how many imports are started at least, rollingRows how many rows each has.
	rollingImports = 8
	rollingRows    = 400
	// rollingBetween is how many answers each kind of client gets between two replacements.
	rollingBetween = 20
	// rollingPace is the pause of a client between two requests.
	rollingPace = 20 * time.Millisecond
	// rollingBound bounds the test, beside half a minute for each round.
	rollingBound = 5 * time.Minute
	rollingSite  = "rolling.example"
)

// TestRollingRestart replaces two servers and two workers, one after the other, while clients start imports, send events
// to destinations, send live events, list, and follow a stream. Each process stops gracefully, and its successor is
// ready before the next one is stopped. A client that repeats a request at the other server after a broken connection or
// a 503 sees no error, and the databases have afterwards what was acknowledged, once each.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	rounds := number(t, envRollingRounds, rollingRounds)
	r, began := newRolling(t), time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), rollingBound+time.Duration(rounds)*30*time.Second)
	t.Cleanup(cancel)
	load, stop := context.WithCancel(ctx)
	defer stop()
	clients, running := errgroup.WithContext(load)
	for _, client := range []func(ctx, load context.Context) error{
		r.startImports, r.sendOrders, r.sendPageviews, r.readLists,
	} {
		clients.Go(func() error { return client(ctx, running) })
	}
	following, leave := context.WithCancel(ctx)
	defer leave()
	followed := make(chan error, 1)
	go func() { followed <- r.followImports(ctx, following) }()
	waited := r.await(ctx, running)
	for range rounds {
		for _, replace := range []func(ctx context.Context, t *testing.T){
			r.replaceServer, r.replaceSecondServer, r.replaceWorker, r.replaceSecondWorker,
		} {
			replace(ctx, t)
			waited = errors.Join(waited, r.await(ctx, running))
		}
	}
	if waited == nil {
		waited = r.awaitImports(ctx, running, number(t, envRollingImports, rollingImports))
	}
	stop()
	require.NoError(t, clients.Wait(), "what a client has seen")
	require.NoError(t, waited)
	r.requireImports(ctx, t)
	r.requireFollowed(ctx, t)
	leave()
	require.NoError(t, <-followed, "what the client of the stream has seen")
	r.requireOrders(ctx, t)
	r.awaitWritten(ctx, t, r.kept)
	summary := r.ledger.requireStored(t, r.stored(ctx, t))
	require.Equal(t, r.ledger.sent(), int(r.ledger.acknowledged.Load()), "every live event was acknowledged")
	t.Logf("rolling restart: %d rounds of two servers and two workers, %d imports of %d rows, %d orders delivered, %d lists, "+
		"%d changes streamed over %d connections, %d requests repeated; %s; all took %s", rounds, len(r.imports), r.rows,
		len(r.orders), r.lists.Load(), r.changes.Load(), r.streams.Load(), r.repeated.Load(), summary,
		time.Since(began).Round(time.Second))
}

// rolling is a stack with an event log, whose server and worker are accompanied by another one each.
type rolling struct {
	*ingestion
	// urls are those of the servers.
	urls   [2]string
	key    string
	server process
	worker process
	rows   int
	// endpoint counts the deliveries of each order.
	endpoint *tallied
	ledger   *ledger

	mu      sync.Mutex
	imports []int64
	orders  []int
	// followed has the last status of each import in the stream.
	followed map[int64]string
	// These count what each kind of client has achieved.
	started, ordered, paged, lists, changes, streams, repeated atomic.Int64
}

// tallied is an endpoint that counts what it has taken, by order.
type tallied struct {
	mu    sync.Mutex
	taken map[int]map[string]int
}

func (e *tallied) answer(w http.ResponseWriter, r *http.Request) {
	var event struct{ Data struct{ Number int } }
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.taken[event.Data.Number] == nil {
		e.taken[event.Data.Number] = map[string]int{}
	}
	e.taken[event.Data.Number][r.Header.Get("webhook-id")]++
	w.WriteHeader(http.StatusNoContent)
}

func newRolling(t *testing.T) *rolling {
	t.Helper()
	r := &rolling{
		ingestion: newIngestion(t, map[string]string{"SLUICE_INGEST_FLUSH_INTERVAL": "500ms"}),
		rows:      number(t, envRollingRows, rollingRows), endpoint: &tallied{taken: map[int]map[string]int{}}, ledger: newLedger(),
		followed: map[int64]string{},
	}
	hooks := webhooktest.Start(t, r.endpoint.answer)
	known := &connections.Connections{
		Store: r.store.Deliveries, Vault: connections.NewVault(wiring.Vault(r.settings.Connections)),
		Registry: components.Stock(r.settings).Kinds,
	}
	_, err := known.Add(t.Context(), hooks.Connection("shop").New())
	require.NoError(t, err)
	r.addSite(t, rollingSite, "UTC", nil)
	r.key = r.addKey(t, rollingSite)
	second := freeAddress(t)
	r.urls = [2]string{"http://" + r.stack.Addresses().Server, "http://" + second}
	r.server = r.spawnServer(t, second)
	r.worker = r.spawnWorker(t, r.variables()...)
	return r
}

// spawnServer starts a server beside that of the stack.
func (r *rolling) spawnServer(t *testing.T, address string) process {
	t.Helper()
	health := freeAddress(t)
	return r.spawn(t, "serve", health, sluice.Hooks().ServerReady,
		r.variables(stack.EnvServerAddress+"="+address, stack.EnvServerHealthAddress+"="+health)...)
}

// replace stops a process of the stack gracefully, and waits until its supervisor has started another one.
func (r *rolling) replace(ctx context.Context, t *testing.T, c stack.Component) {
	t.Helper()
	before, err := r.stack.PID(c)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(before, syscall.SIGTERM))
	poll(ctx, t, "another "+string(c), func(context.Context) bool {
		now, err := r.stack.PID(c)
		return err == nil && now != before
	})
	require.NoError(t, r.stack.WaitReady(ctx, c))
}

func (r *rolling) replaceServer(ctx context.Context, t *testing.T) {
	t.Helper()
	r.replace(ctx, t, stack.ComponentServer)
}

func (r *rolling) replaceSecondServer(_ context.Context, t *testing.T) {
	t.Helper()
	r.server.stop()
	address := strings.TrimPrefix(r.urls[1], "http://")
	r.server = r.spawnServer(t, address) //nolint:contextcheck // It lives as long as the test.
}

func (r *rolling) replaceWorker(ctx context.Context, t *testing.T) {
	t.Helper()
	r.replace(ctx, t, stack.ComponentWorker)
}

func (r *rolling) replaceSecondWorker(_ context.Context, t *testing.T) {
	t.Helper()
	r.worker.stop()
	r.worker = r.spawnWorker(t, r.variables()...) //nolint:contextcheck // It lives as long as the test.
}

// await waits until each kind of client has had more answers.
func (r *rolling) await(ctx, running context.Context) error {
	counters := []*atomic.Int64{&r.ordered, &r.paged, &r.lists, &r.changes}
	var before []int64
	for _, c := range counters {
		before = append(before, c.Load())
	}
	return awaitLoad(ctx, running, func() bool {
		for i, c := range counters {
			if c.Load() < before[i]+rollingBetween {
				return false
			}
		}
		return true
	})
}

// awaitImports waits until some imports were started.
func (r *rolling) awaitImports(ctx, running context.Context, wanted int) error {
	return awaitLoad(ctx, running, func() bool { return r.started.Load() >= int64(wanted) })
}

// awaitLoad polls a condition until it holds, or a client has failed.
func awaitLoad(ctx, running context.Context, holds func() bool) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-running.Done():
			return context.Cause(running)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// requireImports waits for the end of all imports and requires that each started one is there once, with all its rows.
func (r *rolling) requireImports(ctx context.Context, t *testing.T) {
	t.Helper()
	summaries, err := r.store.Imports.Summaries(ctx, importstore.Listing{Limit: 10_000})
	require.NoError(t, err)
	var ids []int64
	for _, s := range summaries {
		ids = append(ids, s.Import.ID)
	}
	require.ElementsMatch(t, r.imports, ids, "imports that were started, and that there are")
	for _, id := range ids {
		var last importstore.Summary
		poll(ctx, t, "import "+strconv.FormatInt(id, 10), func(ctx context.Context) bool {
			var err error
			last, err = r.store.Imports.Summary(ctx, id)
			return err == nil && importstore.Ended(last.Import.Status)
		})
		assert.Equal(t, importstore.StatusCompleted, last.Import.Status, last.Import.Error)
		assert.EqualValues(t, r.rows, last.RowsLoaded, "rows of import %d", id)
	}
	require.EqualValues(t, len(ids)*r.rows, r.count(ctx, t, "SELECT count() FROM visible_imported_visitors"), "rows in the warehouse")
}

// requireOrders waits until all orders are delivered, and requires that each is there once and was taken under one ID.
func (r *rolling) requireOrders(ctx context.Context, t *testing.T) {
	t.Helper()
	poll(ctx, t, "the deliveries", func(ctx context.Context) bool {
		n, err := r.store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{
			Destinations: []string{"webhook"}, States: []string{deliverystore.JobSucceeded},
		})
		return err == nil && n >= int64(len(r.orders))
	})
	var events, jobs int
	require.NoError(t, r.db.QueryRow(ctx, "SELECT (SELECT count(*) FROM events WHERE source = 'shop'), "+
		"(SELECT count(*) FROM jobs WHERE destination = 'webhook')").Scan(&events, &jobs))
	require.Equal(t, []int{len(r.orders), len(r.orders)}, []int{events, jobs}, "orders and their jobs")
	r.endpoint.mu.Lock()
	defer r.endpoint.mu.Unlock()
	require.Len(t, r.endpoint.taken, len(r.orders), "orders that were delivered")
	for number, ids := range r.endpoint.taken {
		require.Len(t, ids, 1, "IDs of order %d", number)
		for id, times := range ids {
			require.Equal(t, 1, times, "deliveries of %s", id)
		}
	}
}
