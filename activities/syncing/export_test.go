package syncing_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/warehouse"
)

// exports is a bundle with a warehouse.
type exports struct {
	*bundle
	*syncacts.Exporter
	conn driver.Conn
}

func setupExports(t *testing.T) exports {
	t.Helper()
	dsn := enginetest.WarehouseDSN(t)
	w, err := warehouse.Open(warehouse.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.NoError(t, w.Migrate(enginetest.Context(t)))
	options, err := clickhouse.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	b := setup(t)
	return exports{bundle: b, Exporter: &syncacts.Exporter{Store: b.rows, Warehouse: w}, conn: conn}
}

// number runs a query for a number.
func (e exports) number(t *testing.T, query string, args ...any) (n uint64) {
	t.Helper()
	require.NoError(t, e.conn.QueryRow(t.Context(), query, args...).Scan(&n))
	return n
}

// exec runs a statement on the store.
func (e exports) exec(t *testing.T, statement string) {
	t.Helper()
	_, err := e.sql.Exec(t.Context(), statement)
	require.NoError(t, err)
}

// export copies everything.
func (e exports) export(t *testing.T) {
	t.Helper()
	require.NoError(t, e.Export(t.Context()))
	left, err := e.rows.Unexported(t.Context(), 0, 100)
	require.NoError(t, err)
	require.Empty(t, left)
	var rows int
	require.NoError(t, e.sql.QueryRow(t.Context(), "SELECT count(*) FROM sync_outbox").Scan(&rows))
	require.Zero(t, rows)
}

// The warehouse has each run and each record once, with what became of it, and no address.
func TestExport(t *testing.T) {
	t.Parallel()
	e := setupExports(t)
	e.fill(0, 230, now.Add(-time.Hour))
	e.put(500, "unsubscribed", now.Add(-time.Hour))
	large := fakemailchimp.Member{
		Email: "large@example.com", LastChanged: now.Add(-time.Hour), MergeFields: map[string]any{"FNAME": strings.Repeat("x", 61_000)},
	}
	e.mailchimp.Put(large)
	e.cycle(t)
	for _, err := range enginetest.AtOnce(4, func(int) error { return e.Export(t.Context()) }) {
		require.NoError(t, err)
	}
	e.export(t)
	e.export(t)
	require.EqualValues(t, 232, e.number(t, "SELECT count() FROM sync_changes"))
	require.EqualValues(t, 231, e.number(t, "SELECT uniqExact(key) FROM sync_changes WHERE outcome = 'delivered' AND page > 0"))
	require.EqualValues(t, 1, e.number(t, "SELECT count() FROM sync_changes WHERE consent = 'out'"))
	require.EqualValues(t, 1, e.number(t, `SELECT count() FROM sync_changes
		WHERE outcome = 'rejected' AND stage = 'write' AND reason LIKE '%want at most 60000' AND key = $1`, large.ID()))
	require.EqualValues(t, 1, e.number(t, `SELECT count() FROM sync_runs WHERE kind = 'full' AND status = 'succeeded' AND read = 232
		AND delivered = 231 AND rejected = 1 AND source_count = 232 AND difference = 0 AND list_id = $1`, fakemailchimp.List))

	// A retry is a change of its run, and an update is a run.
	large.MergeFields = nil
	e.mailchimp.Put(large)
	_, err := e.rows.RequestRetries(t.Context(), "news", nil)
	require.NoError(t, err)
	e.clock = now.Add(time.Hour)
	e.fill(0, 3, now.Add(30*time.Minute))
	e.cycle(t)
	e.export(t)
	require.EqualValues(t, 2, e.number(t, "SELECT count() FROM sync_runs"))
	require.EqualValues(t, 236, e.number(t, "SELECT count() FROM sync_changes"))
	require.EqualValues(t, 1, e.number(t, "SELECT count() FROM sync_changes WHERE page = 0 AND outcome = 'delivered'"))
	require.Zero(t, e.number(t, "SELECT count() FROM sync_changes WHERE concat(key, reason) LIKE '%@%'"))
}

// A worker that is killed after the insert, whose insert arrives late, or whose rows were lost or doubled in the
// warehouse: each row is there once after the next attempts.
func TestExportAgain(t *testing.T) {
	t.Parallel()
	e := setupExports(t)
	e.fill(0, 230, now.Add(-time.Hour))
	e.cycle(t)
	// Nothing of the store is removed: what was exported can be exported again.
	e.exec(t, "CREATE TABLE kept AS SELECT * FROM sync_outbox")
	e.export(t)
	again := func() {
		e.exec(t, `INSERT INTO sync_outbox SELECT * FROM kept;
			UPDATE sync_runs SET exported_seq = 0, exported = false`)
	}
	correct := func() {
		t.Helper()
		require.EqualValues(t, 230, e.number(t, "SELECT count() FROM sync_changes"))
		require.EqualValues(t, 230, e.number(t, "SELECT uniqExact(key) FROM sync_changes"))
		require.EqualValues(t, 1, e.number(t, "SELECT count() FROM sync_runs"))
	}
	correct()
	again()
	e.export(t)
	correct()
	var run, to uint64
	var started time.Time
	require.NoError(t, e.sql.QueryRow(t.Context(), "SELECT id, change_seq, started_at FROM sync_runs").Scan(&run, &to, &started))
	r := warehouse.SyncRange{Sync: "news", RunID: run, From: 1, To: to, StartedAt: started.UTC()}
	rows := slices.Values([]warehouse.SyncChange{{Seq: 1, Key: "late", RecordedAt: now}})
	require.NoError(t, e.Warehouse.InsertSyncChanges(t.Context(), r, rows), "an insert that arrives late")
	correct()
	const repaired = "rows were purged and are inserted again"
	require.NoError(t, e.Warehouse.PurgeSync(t.Context(), r))
	again()
	require.ErrorContains(t, e.Export(t.Context()), repaired, "the warehouse takes the insert for a repetition")
	e.export(t)
	correct()

	doubled := r
	doubled.Repair = 77
	require.NoError(t, e.Warehouse.InsertSyncChanges(t.Context(), doubled, rows))
	again()
	require.ErrorContains(t, e.Export(t.Context()), repaired)
	e.export(t)
	correct()

	// The repairs above have given inserts new tokens: this one is no repetition.
	require.NoError(t, e.Warehouse.PurgeSync(t.Context(), warehouse.SyncRange{Sync: "news", RunID: run}))
	again()
	e.export(t)
	correct()
}

// A copy that another worker has under way is not repeated, until its lease ends.
func TestExportLease(t *testing.T) {
	t.Parallel()
	e := setupExports(t)
	e.fill(0, 10, now.Add(-time.Hour))
	e.cycle(t)
	release, ok, err := e.rows.LeaseExport(t.Context(), 1, time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, e.Export(t.Context()))
	require.Zero(t, e.number(t, "SELECT count() FROM sync_changes"))
	e.exec(t, "UPDATE sync_runs SET export_until = now() - interval '1 second'")
	require.NoError(t, e.Export(t.Context()))
	require.EqualValues(t, 10, e.number(t, "SELECT count() FROM sync_changes"))
	_, ok, err = e.rows.LeaseExport(t.Context(), 1, time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, release(t.Context()), "a lease that was taken over stays")
	_, ok, err = e.rows.LeaseExport(t.Context(), 1, time.Hour)
	require.NoError(t, err)
	require.False(t, ok)
}
