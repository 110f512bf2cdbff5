package postgres_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/synctest"
)

func (t table) connection(tb testing.TB) connections.Connection {
	tb.Helper()
	c, err := t.direct(tb).Open(tb.Context(), "dwh")
	require.NoError(tb, err)
	return c
}

func (t table) reader(tb testing.TB, o sync.SourceOptions) sync.Reader {
	tb.Helper()
	r, err := postgres.Kind{Guard: outbound.Loopback()}.OpenReader(t.connection(tb), o, synctest.Budgets{})
	require.NoError(tb, err)
	return r
}

func (t table) writer(tb testing.TB, o sync.TargetOptions) sync.Writer {
	tb.Helper()
	w, err := postgres.Kind{Guard: outbound.Loopback()}.OpenWriter(t.connection(tb), o, synctest.Budgets{})
	require.NoError(tb, err)
	return w
}

// readAll reads a window to its end, and returns the keys by page.
func readAll(tb testing.TB, r sync.Reader, list string, w sync.Window) (pages [][]string) {
	tb.Helper()
	var cursor sync.Cursor
	for {
		page, err := r.Page(tb.Context(), list, w, cursor)
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

// A full load reads all rows in order of the key, an update those that have changed, in order of the change, also many
// of one moment; a query stands for a table.
func TestSyncReader(t *testing.T) {
	t.Parallel()
	db := newTable(t)
	db.exec(t, `CREATE TABLE members (id bigint PRIMARY KEY, name text, changed timestamptz);
		INSERT INTO members SELECT i, 'name ' || i, '2026-01-02 12:00:00.000001Z' FROM generate_series(1, 7) i;
		INSERT INTO members VALUES (20, 'old', '2026-01-01Z'), (30, 'new', '2026-01-03Z'), (100, NULL, NULL)`)
	r := db.reader(t, sync.SourceOptions{Items: 3, Key: "id", Cursor: "changed"})
	now := time.Date(2026, 1, 2, 12, 0, 10, 0, time.UTC)
	full := r.Window(time.Time{}, now)
	require.True(t, full.Full())
	require.Equal(t, [][]string{{"1", "2", "3"}, {"4", "5", "6"}, {"7", "20", "30"}, {"100"}}, readAll(t, r, "public.members", full))
	update := r.Window(now.Add(-time.Hour), now.Add(time.Minute))
	require.Equal(t, [][]string{{"1", "2", "3"}, {"4", "5", "6"}, {"7"}}, readAll(t, r, "members", update))
	page, err := r.Page(t.Context(), "members", full, nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":1,"name":"name 1","changed":"2026-01-02T12:00:00.000001+00:00"}`, string(page.Records[0].Data))
	// A row that changes during an update leaves its window, and moves no other.
	db.exec(t, "UPDATE members SET changed = '2026-01-04Z' WHERE id = 2")
	rest, err := r.Page(t.Context(), "members", update, page.Next)
	require.NoError(t, err)
	require.Equal(t, "4", rest.Records[0].Key)

	query := db.reader(t, sync.SourceOptions{Items: 10, Key: "name", Query: "SELECT name, count(*) AS n FROM members WHERE id < 3 GROUP BY name"})
	require.True(t, query.Window(now, now).Full(), "there is no cursor column")
	require.Equal(t, [][]string{{"name 1", "name 2"}}, readAll(t, query, "query", query.Window(now, now)))
	fetcher, ok := r.(sync.Fetcher)
	require.True(t, ok)
	one, err := fetcher.Fetch(t.Context(), "members", "30")
	require.NoError(t, err)
	require.Len(t, one.Records, 1)
	none, err := fetcher.Fetch(t.Context(), "members", "31")
	require.NoError(t, err)
	require.Empty(t, none.Records)
}

// A scan has the keys of all rows without their data, and a deleted row differs from one that exists.
func TestSyncReaderScans(t *testing.T) {
	t.Parallel()
	db := newTable(t)
	db.exec(t, `CREATE TABLE members (id bigint PRIMARY KEY, name text, changed timestamptz);
		INSERT INTO members SELECT i, 'name ' || i, NULL FROM generate_series(8, 12) i`)
	r, ok := db.reader(t, sync.SourceOptions{Items: 2, Key: "id", Cursor: "changed"}).(sync.Scanner)
	require.True(t, ok)
	var keys []string
	var cursor sync.Cursor
	for done := false; !done; {
		page, err := r.Scan(t.Context(), "members", cursor)
		require.NoError(t, err)
		for _, record := range page.Records {
			keys = append(keys, record.Key)
			require.Empty(t, record.Data)
			require.JSONEq(t, `{"id":`+record.Key+`}`, string(record.Ref))
		}
		cursor, done = page.Next, page.Done
	}
	require.Equal(t, []string{"8", "9", "10", "11", "12"}, keys)
	db.exec(t, "DELETE FROM members WHERE id = 9")
	for key, want := range map[string]bool{"8": false, "9": true} {
		gone, err := r.Gone(t.Context(), "members", key)
		require.NoError(t, err)
		require.Equal(t, want, gone, key)
	}
	_, err := r.Gone(t.Context(), "nothing", "8")
	require.ErrorContains(t, err, `relation "nothing" does not exist`, "a table that is gone deletes no row")
	data, err := r.Tombstone("9", json.RawMessage(`{"id":9}`), time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.JSONEq(t, `{"id":9,"status":"deleted","deleted_at":"2026-01-02T12:00:00Z"}`, string(data))
}

// What cannot be read without a loss is refused, with what would be right.
func TestSyncReaderRefuses(t *testing.T) {
	t.Parallel()
	db := newTable(t)
	db.exec(t, `CREATE TABLE members (id text, n integer, at timestamp);
		INSERT INTO members VALUES ('a', 1), ('a', 2), ('b', 3)`)
	db.exec(t, "CREATE SEQUENCE seq")
	for name, tc := range map[string]struct {
		options sync.SourceOptions
		list    string
		want    string
	}{
		"equal keys":     {sync.SourceOptions{Items: 1, Key: "id"}, "members", "two rows have the same value in the key column"},
		"no keys":        {sync.SourceOptions{Items: 1, Key: "at"}, "members", "rows without a value in the key column"},
		"no column":      {sync.SourceOptions{Items: 1, Key: "nothing"}, "members", `column s.nothing does not exist`},
		"no table":       {sync.SourceOptions{Items: 1, Key: "id"}, "nothing", `relation "nothing" does not exist`},
		"no name":        {sync.SourceOptions{Items: 1, Key: "id"}, "a.b.c", "the list is not the name of a table"},
		"no zone":        {sync.SourceOptions{Items: 1, Key: "id", Cursor: "at"}, "members", "the cursor column has the type timestamp without time zone: want timestamp with time zone"},
		"a query writes": {sync.SourceOptions{Items: 1, Key: "n", Query: "SELECT nextval('seq') AS n"}, "query", "25006"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := db.reader(t, tc.options)
			_, err := r.Page(t.Context(), tc.list, r.Window(time.Time{}, time.Now()), nil)
			require.ErrorContains(t, err, tc.want)
			var e *sync.Error
			require.ErrorAs(t, err, &e)
		})
	}
	kind := postgres.Kind{Guard: outbound.Loopback()}
	_, err := kind.OpenReader(db.connection(t), sync.SourceOptions{Query: "SELECT 1; SELECT 2"}, synctest.Budgets{})
	require.ErrorContains(t, err, `setting "key_column"`)
	require.ErrorContains(t, err, `setting "query": want one SELECT without semicolons`)
	long := db.reader(t, sync.SourceOptions{Items: 5, Key: "k", Query: "SELECT repeat('x', 101) AS k"})
	page, err := long.Page(t.Context(), "query", sync.Window{}, nil)
	require.NoError(t, err)
	require.Len(t, page.Rejects, 1)
	require.Equal(t, "the key has 101 bytes: want 1 to 100", page.Rejects[0].Reason)
}

// A record is put in the place of the row with its key, or rejected alone.
func TestSyncWriter(t *testing.T) {
	t.Parallel()
	db := newTable(t)
	w := db.writer(t, sync.TargetOptions{Items: 100, Table: "The Orders", Key: []string{"id"}})
	records := []json.RawMessage{
		json.RawMessage(`{"id":1,"Total":10,"note":"first"}`), json.RawMessage(`{"id":2,"Total":5000}`),
		json.RawMessage(`{"note":"no key"}`), json.RawMessage(`{"id":3,"note":7.5}`), json.RawMessage(`{"id":1,"note":"second"}`),
	}
	for range 2 {
		outcomes, err := w.Write(t.Context(), records)
		require.NoError(t, err)
		var states []sync.State
		for _, o := range outcomes {
			states = append(states, o.State)
			require.NotContains(t, o.Reason, "5000", "no value is quoted")
		}
		require.Equal(t, []sync.State{
			sync.StateDelivered, sync.StateRejected, sync.StateRejected, sync.StateDelivered, sync.StateDelivered,
		}, states)
	}
	require.Equal(t, []string{"1", "3"}, db.ids(t))
	var note string
	require.NoError(t, db.sql.QueryRow(t.Context(), `SELECT note FROM "The Orders" WHERE id = 1`).Scan(&note))
	require.Equal(t, "second", note)
	_, err := db.writer(t, sync.TargetOptions{Table: "nothing", Key: []string{"id"}}).Write(t.Context(), records)
	require.Equal(t, sync.ClassPermanent, sync.ClassOf(err), "%v", err)
	_, err = postgres.Kind{}.OpenWriter(db.connection(t), sync.TargetOptions{Table: "a.b.c"}, synctest.Budgets{})
	require.ErrorContains(t, err, `settings "target_table" and "target_key"`)
	_, err = postgres.Kind{}.OpenWriter(db.connection(t), sync.TargetOptions{Table: "a", Key: []string{"id"}}, synctest.Budgets{})
	require.NoError(t, err, "nothing is dialled yet")
	c := db.connection(t)
	c.Settings = json.RawMessage(fmt.Sprintf(`{"host":"127.0.0.1","port":1,"database":"d","user":"u","tls":%q}`, postgres.TLSNone))
	away, err := postgres.Kind{Guard: outbound.Loopback()}.OpenWriter(c, sync.TargetOptions{Table: "a", Key: []string{"id"}}, synctest.Budgets{})
	require.NoError(t, err)
	outcomes, err := away.Write(t.Context(), records)
	require.Equal(t, sync.ClassUnavailable, sync.ClassOf(err))
	require.Equal(t, sync.StateUnsent, outcomes[0].State)
	require.NotContains(t, err.Error(), password)
}
