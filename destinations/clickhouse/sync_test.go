package clickhouse_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/clickhouse"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/synctest"
)

func (t table) connection(tb testing.TB) connections.Connection {
	tb.Helper()
	c, err := t.opener().Open(tb.Context(), "dwh")
	require.NoError(tb, err)
	return c
}

func (t table) reader(tb testing.TB, o sync.SourceOptions) sync.Reader {
	tb.Helper()
	r, err := clickhouse.Kind{Guard: outbound.Loopback()}.OpenReader(t.connection(tb), o, synctest.Budgets{})
	require.NoError(tb, err)
	return r
}

func (t table) writer(tb testing.TB, name string, key ...string) sync.PageWriter {
	tb.Helper()
	w, err := clickhouse.Kind{Guard: outbound.Loopback()}.OpenWriter(
		t.connection(tb), sync.TargetOptions{Items: 100, Table: name, Key: key}, synctest.Budgets{})
	require.NoError(tb, err)
	pages, ok := w.(sync.PageWriter)
	require.True(tb, ok)
	return pages
}

// selected returns the texts that a statement selects.
func (t table) selected(tb testing.TB, statement string) []string {
	tb.Helper()
	options, err := clickhousego.ParseDSN(t.dsn)
	require.NoError(tb, err)
	conn, err := clickhousego.Open(options)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close()) }()
	rows, err := conn.Query(tb.Context(), statement)
	require.NoError(tb, err)
	all := []string{}
	for rows.Next() {
		var text string
		require.NoError(tb, rows.Scan(&text))
		all = append(all, text)
	}
	require.NoError(tb, rows.Err())
	return all
}

// readAll reads a window to its end, and returns the keys by page.
func readAll(tb testing.TB, read func(sync.Cursor) (sync.Page, error)) (pages [][]string) {
	tb.Helper()
	var cursor sync.Cursor
	for {
		page, err := read(cursor)
		require.NoError(tb, err)
		var keys []string
		for _, record := range page.Records {
			keys = append(keys, record.Key)
		}
		pages = append(pages, keys)
		if cursor = page.Next; page.Done {
			return pages
		}
	}
}

func states(outcomes []sync.Outcome) (all []sync.State) {
	for _, o := range outcomes {
		all = append(all, o.State)
	}
	return all
}

// A full load reads all rows in order of the key, an update those that have changed, in order of the change, also many
// of one moment; replaced rows are not read, whenever the engine replaces them, and a query stands for a table.
func TestSyncReader(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, `CREATE TABLE members (id UInt64, name Nullable(String), changed Nullable(DateTime64(6, 'Europe/Berlin')), at DateTime,
		hidden String MATERIALIZED 'x') ENGINE = ReplacingMergeTree ORDER BY id`)
	db.exec(t, "SYSTEM STOP MERGES "+db.database+".members")
	db.exec(t, "INSERT INTO members SELECT number + 1, 'old', toDateTime64('2020-01-01 00:00:00', 6, 'UTC'), 0 FROM numbers(7)")
	db.exec(t, `INSERT INTO members SELECT number + 1, concat('name ', toString(number + 1)),
		toDateTime64('2026-01-02 12:00:00.000001', 6, 'UTC'), toDateTime('2026-01-02 12:00:00', 'UTC') FROM numbers(7)`)
	db.exec(t, `INSERT INTO members VALUES (20, 'old', toDateTime64('2026-01-01 00:00:00', 6, 'UTC'), 0),
		(30, 'new', toDateTime64('2026-01-03 00:00:00', 6, 'UTC'), 0), (100, NULL, CAST(NULL AS Nullable(DateTime64(6))), 0)`)
	now := time.Date(2026, 1, 2, 12, 0, 10, 0, time.UTC)
	for name, list := range map[string]string{"table": "members", "with a database": db.database + ".members"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := db.reader(t, sync.SourceOptions{Items: 3, Key: "id", Cursor: "changed"})
			read := func(w sync.Window) func(sync.Cursor) (sync.Page, error) {
				return func(c sync.Cursor) (sync.Page, error) { return r.Page(t.Context(), list, w, c) }
			}
			full := r.Window(time.Time{}, now)
			require.True(t, full.Full())
			require.Equal(t, [][]string{{"1", "2", "3"}, {"4", "5", "6"}, {"7", "20", "30"}, {"100"}}, readAll(t, read(full)))
			update := r.Window(now.Add(-time.Hour), now.Add(time.Minute))
			require.Equal(t, [][]string{{"1", "2", "3"}, {"4", "5", "6"}, {"7"}}, readAll(t, read(update)))
			page, err := r.Page(t.Context(), list, full, nil)
			require.NoError(t, err)
			require.JSONEq(t, `{"id":1,"name":"name 1","changed":"2026-01-02T12:00:00.000001Z","at":"2026-01-02T12:00:00Z"}`,
				string(page.Records[0].Data))
			require.JSONEq(t, `{"id":1}`, string(page.Records[0].Ref))
		})
	}
	seconds := db.reader(t, sync.SourceOptions{Items: 3, Key: "id", Cursor: "at"})
	w := sync.Window{Since: now.Add(-10 * time.Second), Until: now.Add(-10 * time.Second)}
	require.Equal(t, [][]string{{"1", "2", "3"}, {"4", "5", "6"}, {"7"}}, readAll(t, func(c sync.Cursor) (sync.Page, error) {
		return seconds.Page(t.Context(), "members", w, c)
	}), "both ends of a window belong to it")
	query := db.reader(t, sync.SourceOptions{
		Items: 10, Key: "name", Query: "SELECT name, count() AS n FROM members WHERE id < 3 GROUP BY name -- of some",
	})
	require.Equal(t, [][]string{{"name 1", "name 2"}}, readAll(t, func(c sync.Cursor) (sync.Page, error) {
		return query.Page(t.Context(), "query", query.Window(now, now), c)
	}))
}

// A scan has the keys without data; a deleted row differs from one that exists, and one row is read by its key.
func TestSyncReaderScans(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, "CREATE TABLE members (id LowCardinality(String), n Int8) ENGINE = ReplacingMergeTree ORDER BY id")
	db.exec(t, `INSERT INTO members SELECT concat('it\'s \\ ', toString(number)), number FROM numbers(5)`)
	r := db.reader(t, sync.SourceOptions{Items: 2, Key: "id"})
	scanner, ok := r.(sync.Scanner)
	require.True(t, ok)
	keys := readAll(t, func(c sync.Cursor) (sync.Page, error) { return scanner.Scan(t.Context(), "members", c) })
	require.Equal(t, [][]string{{`it's \ 0`, `it's \ 1`}, {`it's \ 2`, `it's \ 3`}, {`it's \ 4`}}, keys)
	gone, err := scanner.Gone(t.Context(), "members", `it's \ 1`)
	require.NoError(t, err)
	require.False(t, gone)
	db.exec(t, `DELETE FROM members WHERE n = 1`)
	gone, err = scanner.Gone(t.Context(), "members", `it's \ 1`)
	require.NoError(t, err)
	require.True(t, gone)
	_, err = scanner.Gone(t.Context(), "nothing", "a")
	require.Equal(t, sync.ClassPermanent, sync.ClassOf(err), "a table that is gone deletes no row")
	fetcher, ok := r.(sync.Fetcher)
	require.True(t, ok)
	one, err := fetcher.Fetch(t.Context(), "members", `it's \ 3`)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"it's \\ 3","n":3}`, string(one.Records[0].Data))
	none, err := fetcher.Fetch(t.Context(), "members", `it's \ 1`)
	require.NoError(t, err)
	require.Empty(t, none.Records)
}

// What cannot be read without a loss is refused, with what would be right.
func TestSyncReaderRefuses(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, `CREATE TABLE members (id String, n Int32, maybe Nullable(Int32), day Date, at DateTime) ENGINE = MergeTree ORDER BY id`)
	db.exec(t, `INSERT INTO members VALUES ('a', 1, 1, 0, 0), ('a', 2, NULL, 0, 0), ('b', 3, 3, 0, 0)`)
	for name, tc := range map[string]struct {
		options sync.SourceOptions
		list    string
		want    string
	}{
		"equal keys":     {sync.SourceOptions{Items: 1, Key: "id"}, "members", "two rows have the same value in the key column"},
		"no keys":        {sync.SourceOptions{Items: 1, Key: "maybe"}, "members", "rows without a value in the key column"},
		"no column":      {sync.SourceOptions{Items: 1, Key: "nothing"}, "members", `there is no column "nothing"`},
		"no key type":    {sync.SourceOptions{Items: 1, Key: "day"}, "members", "the key column has the type Date: want an integer, a String or a UUID"},
		"no table":       {sync.SourceOptions{Items: 1, Key: "id"}, "nothing", "unknown table"},
		"no name":        {sync.SourceOptions{Items: 1, Key: "id"}, "a.b.c", "the list is not the name of a table"},
		"no time":        {sync.SourceOptions{Items: 1, Key: "id", Cursor: "day"}, "members", "the cursor column has the type Date: want DateTime or DateTime64"},
		"no cursor":      {sync.SourceOptions{Items: 1, Key: "id", Cursor: "x"}, "members", `there is no column "x"`},
		"no SELECT":      {sync.SourceOptions{Items: 1, Key: "id", Query: "INSERT INTO members (id) VALUES ('c')"}, "query", "ClickHouse answered with error 62"},
		"not UTF-8":      {sync.SourceOptions{Items: 1, Key: "k", Query: `SELECT '\xff' AS k`}, "query", "a key is not text in UTF-8"},
		"a wrong cursor": {sync.SourceOptions{Items: 1, Key: "id"}, "members", "the cursor is not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := db.reader(t, tc.options)
			var cursor sync.Cursor
			if name == "a wrong cursor" {
				cursor = sync.Cursor("[]")
			}
			_, err := r.Page(t.Context(), tc.list, r.Window(time.Time{}, time.Now()), cursor)
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, sync.ClassPermanent, sync.ClassOf(err), "%v", err)
		})
	}
	require.Equal(t, []string{"3"}, db.selected(t, "SELECT toString(count()) FROM members"), "nothing was written")
	kind := clickhouse.Kind{Guard: outbound.Loopback()}
	_, err := kind.OpenReader(db.connection(t), sync.SourceOptions{Query: "SELECT 1; SELECT 2"}, synctest.Budgets{})
	require.ErrorContains(t, err, `setting "key_column"`)
	require.ErrorContains(t, err, `setting "query": want one SELECT without semicolons`)
	bad := db.reader(t, sync.SourceOptions{Items: 5, Key: "k", Query: `SELECT 'a' AS k, '\xff' AS text UNION ALL SELECT 'b', 'ä'`})
	page, err := bad.Page(t.Context(), "query", sync.Window{}, nil)
	require.NoError(t, err)
	require.Equal(t, []sync.Reject{{Key: "a", Stage: sync.StageRead, Reason: `column "text": want text in UTF-8`}}, page.Rejects)
	require.JSONEq(t, `{"k":"b","text":"ä"}`, string(page.Records[0].Data))
}

// A page that is larger than an answer may be is read in parts.
func TestSyncReaderLargeRows(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, "CREATE TABLE large (id UInt8, text String) ENGINE = MergeTree ORDER BY id")
	db.exec(t, "INSERT INTO large SELECT number, repeat(repeat('x', 1000000), 3) FROM numbers(10)")
	r := db.reader(t, sync.SourceOptions{Items: 10, Key: "id"})
	pages := readAll(t, func(c sync.Cursor) (sync.Page, error) { return r.Page(t.Context(), "large", sync.Window{}, c) })
	require.Greater(t, len(pages), 2)
	require.Equal(t, "0123456789", strings.Join(func() (all []string) {
		for _, page := range pages {
			all = append(all, page...)
		}
		return all
	}(), ""))
}

const customers = `CREATE TABLE customers (id UInt32, name String DEFAULT 'none', note Nullable(String), at DateTime64(3, 'UTC') DEFAULT 0,
	CONSTRAINT small CHECK id < 1000) ENGINE = ReplacingMergeTree ORDER BY id`

// A record replaces the row with its key, wherever it was written before, or is rejected alone.
func TestSyncWriter(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, customers+" SETTINGS non_replicated_deduplication_window = 100")
	w := db.writer(t, "customers", "id")
	records := []json.RawMessage{
		json.RawMessage(`{"id":1,"name":"first"}`), json.RawMessage(`{"id":5000,"name":"against the constraint"}`),
		json.RawMessage(`{"name":"no key"}`), json.RawMessage(`{"id":3,"name":"three","at":"2026-01-02T12:00:00.5Z","note":null}`),
		json.RawMessage(`{"id":4,"at":"2026-13-01"}`), json.RawMessage(`{"id":-1}`), json.RawMessage(`[]`),
		json.RawMessage(`{"id":1,"name":"it's the \\ second\n"}`),
	}
	const all = "SELECT concat(toString(id), ' ', name, ' ', toString(at)) FROM customers FINAL ORDER BY id"
	for _, page := range []string{"run/1", "run/1", "run/2"} {
		outcomes, err := w.WritePage(t.Context(), page, records)
		require.NoError(t, err)
		require.Equal(t, []sync.State{
			sync.StateDelivered, sync.StateRejected, sync.StateRejected, sync.StateDelivered, sync.StateRejected, sync.StateRejected,
			sync.StateRejected, sync.StateDelivered,
		}, states(outcomes), "%+v", outcomes)
		for _, o := range outcomes {
			require.NotContains(t, o.Reason, "5000", "no value is quoted")
		}
		require.Equal(t, []string{"1 it's the \\ second\n 1970-01-01 00:00:00.000", "3 three 2026-01-02 12:00:00.500"}, db.selected(t, all))
	}
	// A value that returns is written again, also if the table recognises the INSERT.
	one := func(page, name string) {
		outcomes, err := w.WritePage(t.Context(), page, []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"id":9,"name":%q}`, name))})
		require.NoError(t, err)
		require.Equal(t, []sync.State{sync.StateDelivered}, states(outcomes))
		require.Equal(t, []string{name}, db.selected(t, "SELECT name FROM customers FINAL WHERE id = 9"))
	}
	one("run/1", "a")
	one("run/2", "b")
	one("run/3", "a")
	one("run/4", "b")
	one("run/1", "a")
	outcomes, err := w.Write(t.Context(), []json.RawMessage{json.RawMessage(`{"id":9,"name":"c"}`)})
	require.NoError(t, err)
	require.Equal(t, []sync.State{sync.StateDelivered}, states(outcomes))
}

// A page that comes again, after its answer was lost, is in the table once.
func TestSyncWriterRepeats(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, customers+" SETTINGS non_replicated_deduplication_window = 100")
	db.exec(t, "SYSTEM STOP MERGES "+db.database+".customers")
	var cut atomic.Bool
	away := db.behind(t, func(w http.ResponseWriter, r *http.Request) {
		insert := strings.HasPrefix(r.URL.Query().Get("query"), "INSERT")
		if insert && cut.CompareAndSwap(true, false) {
			answer := &discard{header: http.Header{}}
			db.engine.ServeHTTP(answer, r)
			panic(http.ErrAbortHandler)
		}
		db.engine.ServeHTTP(w, r)
	})
	w := away.writer(t, "customers", "id")
	var records []json.RawMessage
	for i := range 50 {
		records = append(records, json.RawMessage(fmt.Sprintf(`{"id":%d,"name":"name %d"}`, i, i)))
	}
	cut.Store(true)
	outcomes, err := w.WritePage(t.Context(), "run/1", records)
	require.Equal(t, sync.ClassUnavailable, sync.ClassOf(err))
	require.Equal(t, sync.StateUnsent, outcomes[0].State)
	outcomes, err = w.WritePage(t.Context(), "run/1", records)
	require.NoError(t, err)
	require.Equal(t, sync.StateDelivered, outcomes[49].State)
	require.Equal(t, []string{"50"}, db.selected(t, "SELECT toString(count()) FROM customers"), "one part has them")
}

// discard takes an answer that is lost on its way.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header       { return d.header }
func (*discard) Write(p []byte) (int, error) { return len(p), nil }
func (*discard) WriteHeader(int)             {}

// An INSERT that the table takes for a repetition without having its rows, as after a power failure, is made again.
func TestSyncWriterProves(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, customers+" SETTINGS non_replicated_deduplication_window = 100")
	w := db.writer(t, "customers", "id")
	records := []json.RawMessage{json.RawMessage(`{"id":1,"name":"a"}`), json.RawMessage(`{"id":2,"name":"b"}`)}
	_, err := w.WritePage(t.Context(), "run/1", records)
	require.NoError(t, err)
	db.exec(t, "ALTER TABLE customers DELETE WHERE 1 SETTINGS mutations_sync = 2")
	outcomes, err := w.WritePage(t.Context(), "run/1", records)
	require.NoError(t, err)
	require.Equal(t, []sync.State{sync.StateDelivered, sync.StateDelivered}, states(outcomes))
	require.Equal(t, []string{"a", "b"}, db.selected(t, "SELECT name FROM customers FINAL ORDER BY id"))

	// Rows that the table does not keep are not delivered, whatever ClickHouse has answered.
	swallowing := db.behind(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Query().Get("query"), "INSERT") {
			w.Header().Set("X-ClickHouse-Summary", `{"written_rows":"1"}`)
			return
		}
		db.engine.ServeHTTP(w, r)
	})
	outcomes, err = swallowing.writer(t, "customers", "id").WritePage(t.Context(), "run/2", []json.RawMessage{json.RawMessage(`{"id":3}`)})
	require.ErrorContains(t, err, "the table does not have all rows that ClickHouse has accepted")
	require.Equal(t, sync.ClassUnavailable, sync.ClassOf(err))
	require.Equal(t, sync.StateUnsent, outcomes[0].State)
}

// A table with a version column keeps the newest version, and an older one that is delivered late is no error.
func TestSyncWriterVersions(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, "CREATE TABLE versions (a String, b Int8, v UInt64, text String) ENGINE = ReplacingMergeTree(v) ORDER BY (b, a)")
	w := db.writer(t, "versions", "a", "b")
	for _, record := range []string{`{"a":"x","b":1,"v":2,"text":"new"}`, `{"a":"x","b":1,"v":1,"text":"old"}`} {
		outcomes, err := w.WritePage(t.Context(), "run/"+record, []json.RawMessage{json.RawMessage(record)})
		require.NoError(t, err)
		require.Equal(t, []sync.State{sync.StateDelivered}, states(outcomes))
	}
	require.Equal(t, []string{"new"}, db.selected(t, "SELECT text FROM versions FINAL"))
}

// Tables whose rows do not replace each other, missing columns and servers that are away are reported as what they are.
func TestSyncWriterRefuses(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, customers)
	record := []json.RawMessage{json.RawMessage(`{"id":1,"name":"a"}`)}
	for name, tc := range map[string]struct {
		table string
		key   []string
		want  string
	}{
		"an engine":  {"orders", []string{"job_id"}, "the engine is MergeTree with the sort key (job_id): want one of the ReplacingMergeTree family"},
		"a key":      {"customers", []string{"name"}, "with ORDER BY (name)"},
		"no table":   {"nothing", []string{"id"}, "unknown table"},
		"two of one": {"customers", []string{"id", "name"}, "with ORDER BY (id, name)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcomes, err := db.writer(t, tc.table, tc.key...).Write(t.Context(), record)
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, sync.ClassPermanent, sync.ClassOf(err))
			require.Equal(t, sync.StateUnsent, outcomes[0].State)
		})
	}
	_, err := db.writer(t, "customers", "id").Write(t.Context(), []json.RawMessage{json.RawMessage(`{"id":1,"more":2}`)})
	require.ErrorContains(t, err, `no column "more" that a row can fill`)
	require.Equal(t, sync.ClassPermanent, sync.ClassOf(err))
	kind := clickhouse.Kind{Guard: outbound.Loopback()}
	_, err = kind.OpenWriter(db.connection(t), sync.TargetOptions{Table: "a.b.c"}, synctest.Budgets{})
	require.ErrorContains(t, err, `settings "target_table" and "target_key"`)
	away := db.connection(t)
	away.Settings = json.RawMessage(`{"url":"http://127.0.0.1:1"}`)
	for _, read := range []bool{true, false} {
		if read {
			r, err := kind.OpenReader(away, sync.SourceOptions{Items: 1, Key: "id"}, synctest.Budgets{})
			require.NoError(t, err, "nothing is dialled yet")
			_, err = r.Page(t.Context(), "customers", sync.Window{}, nil)
			require.Equal(t, sync.ClassUnavailable, sync.ClassOf(err))
			continue
		}
		w, err := kind.OpenWriter(away, sync.TargetOptions{Table: "customers", Key: []string{"id"}}, synctest.Budgets{})
		require.NoError(t, err)
		_, err = w.Write(t.Context(), record)
		require.Equal(t, sync.ClassUnavailable, sync.ClassOf(err))
		require.NotContains(t, err.Error(), password)
	}
}
