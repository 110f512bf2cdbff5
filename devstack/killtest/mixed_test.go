package killtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// How much the test of mixed workers does; the variables are for `make soak`.
const (
	envMixedImports = "KILLTEST_MIXED_IMPORTS"
	envMixedJobs    = "KILLTEST_MIXED_JOBS"
	envMixedKills   = "KILLTEST_MIXED_KILLS"

	mixedImports = 12
	mixedJobs    = 600
	mixedKills   = 4
	// mixedBound bounds the test, beside a second for each import.
	mixedBound = 10 * time.Minute
	// mixedAtOnce is how many events a call adds.
	mixedAtOnce = 100
)

// mixed is a stack with a worker of the stock program and one of the extended program. The test's own
// process adds imports and events, and has none of their destinations.
type mixed struct {
	*system
	db      *pgxpool.Pool
	gateway *deliveryclient.Client
	workers map[string]process
	ids     map[string][]int64
	// sent is how many events were added.
	sent int
}

// number returns the value of a variable, or what the test does without it.
func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return n
}

func newMixed(t *testing.T) *mixed {
	t.Helper()
	m := &mixed{system: newSystem(t, folder(t), false), workers: map[string]process{}, ids: map[string][]int64{}}
	m.migrate(t)
	m.starter.Registry = importers.NewRegistry(noop.New(), owned{Importer: noop.New()})
	var err error
	m.gateway, err = deliveryclient.New(deliveryclient.Config{
		Temporal: m.temporal, Store: m.store, Registry: destinations.NewRegistry(), AnswerTimeout: answerTimeout,
	})
	require.NoError(t, err)
	m.db, err = pgxpool.New(t.Context(), m.settings.Store.DSN)
	require.NoError(t, err)
	t.Cleanup(m.db.Close)
	_, err = m.db.Exec(t.Context(), fmt.Sprintf(`CREATE TABLE %s (import_id bigint NOT NULL, program text NOT NULL);
		CREATE TABLE %s (job_id text PRIMARY KEY, destination text NOT NULL, program text NOT NULL, made_by text NOT NULL,
			number integer NOT NULL, times integer NOT NULL DEFAULT 1)`, callbacksTable, receiptsTable))
	require.NoError(t, err)
	const flows = `{"name": "mixed", "source": "shop", "to": [
		{"destination": "shared", "action": "write"}, {"destination": "plain", "action": "write"},
		{"destination": "extra", "action": "write"}]}`
	_, err = m.store.Deliveries.ApplyFlows(t.Context(), deliverystore.FlowSet{Flows: []deliverystore.FlowSpec{{Name: "mixed", Spec: json.RawMessage(flows)}}})
	require.NoError(t, err)
	return m
}

// spawn starts a worker of a program.
func (m *mixed) spawn(t *testing.T, program string) {
	t.Helper()
	m.workers[program] = m.spawnWorker(t, envProgram+"="+program)
}

// TestKillMixed kills the workers of a stock and of an extended program in turn, while imports of two
// importers and jobs of three destinations are under way, some of which only one of the programs has.
// The extended program starts last: what needs it waits. Then everything completes once, and nothing was
// tried by the wrong program.
func TestKillMixed(t *testing.T) {
	t.Parallel()
	imports, jobs := number(t, envMixedImports, mixedImports), number(t, envMixedJobs, mixedJobs)
	kills := number(t, envMixedKills, mixedKills)
	m, began := newMixed(t), time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), mixedBound+time.Duration(imports)*time.Second)
	t.Cleanup(cancel)
	m.spawn(t, programStock)
	for n := range imports {
		m.startOne(ctx, t, n)
	}
	// A part of the events comes before the extended program, and one before each kill.
	part := jobs / 3 / (kills + 1)
	m.sendAll(ctx, t, part)
	m.requireWaiting(ctx, t)
	m.spawn(t, programExtended)

	rng, lost := rand.New(rand.NewPCG(seed, 2)), int64(0)
	for n := range kills {
		victim := []string{programStock, programExtended}[n%2]
		m.sendAll(ctx, t, part)
		m.awaitProgress(ctx, t, 1+rng.IntN(max(1, part)))
		m.workers[victim].kill()
		lost += m.expireLeases(ctx, t)
		m.spawn(t, victim)
	}
	jobs = 3 * m.sent
	m.awaitAll(ctx, t, imports, jobs)
	m.requireRightPrograms(ctx, t)
	t.Logf("mixed workers: %d imports, %d jobs, %d kills that hit %d jobs in flight, everything completed once, %s",
		imports, jobs, kills, lost, time.Since(began).Round(time.Second))
}

// startOne starts an import of one of the two importers into a site of its own.
func (m *mixed) startOne(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	source := []string{"noop", "own"}[n%2]
	domain := fmt.Sprintf("mixed-%d.example", n)
	_, err := m.store.Imports.AddSite(ctx, importstore.NewSite{Domain: domain, TimeZone: "UTC"})
	require.NoError(t, err)
	imp, err := m.starter.StartImport(ctx, starter.Request{
		Site: domain, Source: source, Args: json.RawMessage(`{"rows": 40, "parts": 2, "delay": "50ms"}`),
	})
	require.NoError(t, err)
	m.ids[source] = append(m.ids[source], imp.ID)
}

// sendAll adds events; the flow makes three jobs of each.
func (m *mixed) sendAll(ctx context.Context, t *testing.T, events int) {
	t.Helper()
	for end := m.sent + events; m.sent < end; {
		var requests []deliveryclient.EventRequest
		for ; m.sent < end && len(requests) < mixedAtOnce; m.sent++ {
			data := json.RawMessage(fmt.Sprintf(`{"number": %d}`, m.sent))
			requests = append(requests, deliveryclient.EventRequest{Source: "shop", Data: data})
		}
		results, err := m.gateway.AddEvents(ctx, requests)
		require.NoError(t, err)
		for _, r := range results {
			require.NoError(t, r.Err)
			require.Len(t, r.Jobs, 3)
		}
	}
}

// requireWaiting checks that what needs the extended program waits while only the stock one runs.
func (m *mixed) requireWaiting(ctx context.Context, t *testing.T) {
	t.Helper()
	poll(ctx, t, "jobs of the stock program", func(ctx context.Context) bool {
		n, err := m.succeeded(ctx, "plain")
		return err == nil && n > 0
	})
	live, err := m.store.LiveWorkers(ctx)
	require.NoError(t, err)
	require.Len(t, live.WithImporter("noop"), 1)
	require.Empty(t, live.WithImporter("own"))
	require.Empty(t, live.WithDestination("extra"))
	moved, err := m.store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{
		Destinations: []string{"extra"}, NotStates: []string{deliverystore.JobAcknowledged},
	})
	require.NoError(t, err)
	require.Zero(t, moved, "jobs that wait for the extended program")
	for _, id := range m.ids["own"] {
		imp, err := m.store.Imports.Import(ctx, id)
		require.NoError(t, err)
		require.Equal(t, importstore.StatusQueued, imp.Status)
	}
}

func (m *mixed) succeeded(ctx context.Context, destination ...string) (int64, error) {
	return m.store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{Destinations: destination, States: []string{deliverystore.JobSucceeded}})
}

// awaitProgress waits until some more jobs have succeeded, or all that could.
func (m *mixed) awaitProgress(ctx context.Context, t *testing.T, more int) {
	t.Helper()
	before, err := m.succeeded(ctx)
	require.NoError(t, err)
	poll(ctx, t, "more jobs", func(ctx context.Context) bool {
		now, err := m.succeeded(ctx)
		left, leftErr := m.store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{States: []string{deliverystore.JobAcknowledged, deliverystore.JobAwaiting}})
		return err == nil && leftErr == nil && (now >= before+int64(more) || left == 0)
	})
}

// expireLeases lets the leases end that would end within a minute of a kill, and returns how many jobs were
// in flight. Jobs of the worker that lives are redelivered, too.
func (m *mixed) expireLeases(ctx context.Context, t *testing.T) int64 {
	t.Helper()
	changed, err := m.db.Exec(ctx, "UPDATE jobs SET lease_expires_at = now() WHERE state = 'executing'")
	require.NoError(t, err)
	return changed.RowsAffected()
}

// awaitAll waits until all imports are completed and all jobs have succeeded.
func (m *mixed) awaitAll(ctx context.Context, t *testing.T, imports, jobs int) {
	t.Helper()
	poll(ctx, t, "all jobs", func(ctx context.Context) bool {
		n, err := m.succeeded(ctx, "shared", "plain", "extra")
		return err == nil && n == int64(jobs)
	})
	poll(ctx, t, "all imports", func(ctx context.Context) bool {
		var n int
		err := m.db.QueryRow(ctx, "SELECT count(*) FROM imports WHERE status = 'completed'").Scan(&n)
		return err == nil && n == imports
	})
}

// requireRightPrograms checks which program has delivered the jobs and run the callbacks of imports, that
// each job was taken once, and that no attempt has failed because a program lacked something.
func (m *mixed) requireRightPrograms(ctx context.Context, t *testing.T) {
	t.Helper()
	type row struct {
		Destination, Program string
		Jobs, Numbers        int
	}
	rows, err := m.db.Query(ctx, `SELECT destination, CASE destination WHEN 'shared' THEN '' ELSE program END AS program,
		count(*) AS jobs, count(DISTINCT number) AS numbers FROM `+receiptsTable+` GROUP BY 1, 2 ORDER BY 1, 2`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	require.NoError(t, err)
	assert.Equal(t, []row{
		{"extra", programExtended, m.sent, m.sent}, {"plain", programStock, m.sent, m.sent}, {"shared", "", m.sent, m.sent},
	}, all)
	var wrong, again, faults int
	err = m.db.QueryRow(ctx, `SELECT
		(SELECT count(*) FROM `+callbacksTable+` WHERE program <> 'extended'),
		(SELECT count(*) FROM `+receiptsTable+` WHERE times > 1),
		(SELECT count(*) FROM transitions WHERE error::text LIKE '%unknown %' OR error::text LIKE '%registered%')`).Scan(
		&wrong, &again, &faults)
	require.NoError(t, err)
	assert.Zero(t, wrong, "callbacks of the importer own in the stock program")
	assert.Zero(t, faults, "jobs that a program could not deliver")
	t.Logf("%d of %d jobs came more than once, under the same ID", again, 3*m.sent)
	for source, ids := range m.ids {
		for _, id := range ids {
			imp, err := m.store.Imports.Import(ctx, id)
			require.NoError(t, err)
			m.requireRightWorkers(ctx, t, source, imp)
		}
	}
}

// requireRightWorkers checks that no attempt at an activity of an import was made by a worker that does
// not have the importer.
func (m *mixed) requireRightWorkers(ctx context.Context, t *testing.T, source string, imp importstore.Import) {
	t.Helper()
	events := m.temporal.GetWorkflowHistory(ctx, imp.WorkflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		failure := event.GetActivityTaskStartedEventAttributes().GetLastFailure().GetMessage()
		assert.NotContains(t, failure, "unknown importer", source)
		assert.NotContains(t, failure, "unable to find activityType", source)
	}
}
