package killtest_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// storedEvent is a row of the table events.
type storedEvent struct {
	Event             int64
	SessionID, UserID uint64
}

// stored returns the rows of events by the number that the audience has put into the path or a property.
func (i *ingestion) stored(ctx context.Context, t *testing.T) map[int][]storedEvent {
	t.Helper()
	rows, err := i.clicks.Query(ctx, "SELECT toInt64OrNull(if(has(`meta.key`, 'id'), "+
		"`meta.value`[indexOf(`meta.key`, 'id')], substring(pathname, 4))), session_id, user_id FROM events")
	require.NoError(t, err)
	all := map[int][]storedEvent{}
	for rows.Next() {
		var number *int64
		var e storedEvent
		require.NoError(t, rows.Scan(&number, &e.SessionID, &e.UserID))
		require.NotNil(t, number, "an event without a number")
		e.Event = *number
		all[int(e.Event)] = append(all[int(e.Event)], e)
	}
	require.NoError(t, rows.Close())
	require.NoError(t, rows.Err())
	return all
}

// maxReported bounds the events that a failed check names.
const maxReported = 20

// requireStored compares what is stored with what was acknowledged, event by event.
func (l *ledger) requireStored(t *testing.T, stored map[int][]storedEvent) (summary string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.faults, "answers that must not come")
	var lost, doubled, surprising, repeated, given int
	reported := 0
	report := func(format string, args ...any) {
		reported++
		if reported <= maxReported {
			t.Errorf(format, args...)
		}
	}
	for event := range stored {
		if event < 0 || event >= len(l.fates) {
			report("event %d was never sent, and is stored", event)
		}
	}
	for event, f := range l.fates {
		times := len(stored[event])
		switch {
		case times < f.least():
			lost++
			report("event %d was acknowledged and is not stored", event)
		case times > f.most():
			doubled++
			report("event %d is stored %d times: want at most %d, acknowledged: %t", event, times, f.most(), f.acknowledged)
		case times > 1:
			repeated++
		case times == 1 && !f.acknowledged:
			surprising++
		case !f.acknowledged:
			given++
		}
	}
	assert.Zero(t, lost, "acknowledged events that are lost")
	assert.Zero(t, doubled, "events that are stored too often")
	return fmt.Sprintf("%d events sent, %d acknowledged and stored, %d of them again by a repetition of their sender; "+
		"without an acknowledgement %d stored and %d not", len(l.fates), l.acknowledged.Load(), repeated, surprising, given)
}

// requireDays checks that each event has the local day of its site.
func (i *ingestion) requireDays(ctx context.Context, t *testing.T, sites []visitedSite) {
	t.Helper()
	for _, site := range sites {
		of := fmt.Sprintf("FROM events WHERE hostname = '%s'", site.domain)
		require.NotZero(t, i.count(ctx, t, "SELECT count() "+of), site.domain)
		require.Zero(t, i.count(ctx, t, fmt.Sprintf("SELECT count() %s AND day != toDate(timestamp, '%s')", of, site.zone)),
			"events of %s with another day than that in %s", site.domain, site.zone)
		require.Greater(t, i.count(ctx, t, "SELECT uniqExact(day) "+of), uint64(1), "days of %s", site.domain)
	}
}

// requireCounters compares the counters with the events, and with what senders know of dropped ones: each of which
// an answer said so is counted once, each without an answer at most once.
func (i *ingestion) requireCounters(ctx context.Context, t *testing.T, l *ledger) (summary string) {
	t.Helper()
	const differing = `SELECT count() FROM
		(SELECT site_id, count() AS n FROM events GROUP BY site_id) AS e
		FULL OUTER JOIN (SELECT assumeNotNull(site_id) AS site, sum(value) AS n FROM ingest_counters
			WHERE metric = 'buffered' GROUP BY site) AS c ON e.site_id = c.site
		WHERE e.n != c.n`
	require.Zero(t, i.count(ctx, t, differing), "sites whose counter of buffered events differs from their events")
	l.mu.Lock()
	defer l.mu.Unlock()
	var sum, answered, doubtful uint64
	for _, domain := range []string{blockedDomain, unknownDomain} {
		of, counted := l.drops[domain], i.dropped(ctx, t, domain)
		assert.Positive(t, of.answered, "dropped events of %s", domain)
		assert.GreaterOrEqual(t, counted, of.answered, "counter of the dropped events of %s", domain)
		assert.LessOrEqual(t, counted, of.answered+of.doubtful, "counter of the dropped events of %s", domain)
		sum, answered, doubtful = sum+counted, answered+of.answered, doubtful+of.doubtful
	}
	all := i.count(ctx, t, "SELECT sum(value) FROM ingest_counters WHERE metric LIKE 'dropped_%'")
	assert.Equal(t, all, sum, "dropped events of all domains")
	return fmt.Sprintf("%d dropped events counted, %d of them acknowledged, %d sent without an acknowledgement", sum, answered, doubtful)
}

// dropped returns the counter of the dropped events of a domain.
func (i *ingestion) dropped(ctx context.Context, t *testing.T, domain string) uint64 {
	t.Helper()
	return i.count(ctx, t, fmt.Sprintf("SELECT sum(value) FROM ingest_counters WHERE domain = '%s' AND metric LIKE 'dropped_%%'", domain))
}

// undisturbed is the name of the databases in which an undisturbed writer writes the same log.
const undisturbed = "undisturbed"

// writeUndisturbed starts a worker on the same log, with another store and another warehouse. It returns its store.
func (i *ingestion) writeUndisturbed(ctx context.Context, t *testing.T) *ingeststore.Store {
	t.Helper()
	// The engines may have just come back: a connection of before fails, and the next one does not.
	polltest.Until(t, func(c *polltest.Check) {
		exists := i.db.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_database WHERE datname = $1", undisturbed)
		var created bool
		require.NoError(c, exists.Scan(&created))
		if !created {
			_, err := i.db.Exec(ctx, "CREATE DATABASE "+undisturbed)
			require.NoError(c, err)
		}
		require.NoError(c, i.clicks.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+undisturbed))
		for p := range i.log.Partitions() {
			stats, err := i.log.Stats(ctx, p)
			require.NoError(c, err)
			require.EqualValues(c, 1, stats.First, "partition %d was trimmed: the run took too long", p)
		}
	}, time.Minute, writtenEvery)
	dsn := inDatabase(t, i.settings.Store.DSN)
	variables := i.variables(stack.EnvStoreDSN+"="+dsn, stack.EnvWarehouseDSN+"="+inDatabase(t, i.settings.Warehouse.DSN))
	i.spawnWorker(t, variables...) //nolint:contextcheck // It lives as long as the test.
	s, err := store.Open(ctx, store.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return ingeststore.New(s)
}

// inDatabase returns a DSN with the other database.
func inDatabase(t *testing.T, dsn string) string {
	t.Helper()
	at, err := url.Parse(dsn)
	require.NoError(t, err)
	at.Path = "/" + undisturbed
	return at.String()
}

// requireSame compares the tables with those of the undisturbed writer. An event and a session have a row each;
// counters are cut differently, as the ranges are, and their sums are the same.
func (i *ingestion) requireSame(ctx context.Context, t *testing.T) {
	t.Helper()
	for table, columns := range map[string]string{
		"events":           "*",
		"visible_sessions": "*",
		"ingest_counters": "event_timebucket, domain, site_id, metric, tracker_script_version, log_partition, " +
			"sum(value) AS total",
	} {
		rows := func(database string) string {
			query := fmt.Sprintf("SELECT %s FROM %s.%s", columns, database, table)
			if table == "ingest_counters" {
				query += " GROUP BY event_timebucket, domain, site_id, metric, tracker_script_version, log_partition"
			}
			return query
		}
		here, there := rows("sluice"), rows(undisturbed)
		n := i.count(ctx, t, "SELECT count() FROM ("+here+")")
		require.NotZero(t, n, table)
		assert.Equal(t, i.count(ctx, t, "SELECT count() FROM ("+there+")"), n, "rows of %s", table)
		except := func(these, those string) uint64 {
			return i.count(ctx, t, fmt.Sprintf("SELECT count() FROM (%s EXCEPT %s)", these, those))
		}
		assert.Zero(t, except(here, there), "%s has rows that an undisturbed writer has not", table)
		assert.Zero(t, except(there, here), "%s lacks rows that an undisturbed writer has", table)
	}
	assert.Equal(t, i.count(ctx, t, "SELECT count() FROM events"),
		i.count(ctx, t, "SELECT toUInt64(sum(events)) FROM visible_sessions"), "events of all sessions")
}

// count returns the number that a query of the warehouse returns.
func (s *system) count(ctx context.Context, t *testing.T, query string) uint64 {
	t.Helper()
	var n uint64
	require.NoError(t, s.clicks.QueryRow(ctx, query).Scan(&n), query)
	return n
}
