package clickhouse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/clickhouse"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/synctest"
)

// through is the table, reached through an outage that has not begun.
func (t table) through(tb testing.TB) (*enginetest.WarehouseOutage, table) {
	tb.Helper()
	o := enginetest.NewWarehouseOutage(tb, t.dsn)
	u, err := url.Parse(o.DSN)
	require.NoError(tb, err)
	t.url = "http://" + u.Host
	return o, t
}

// An outage at any statement of a reader, of a writer or of a test is one of the server, and costs no record.
func TestSyncOutages(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, "CREATE TABLE members (id Nullable(UInt32), name String) ENGINE = MergeTree ORDER BY tuple()")
	db.exec(t, "INSERT INTO members SELECT number + 1, concat('name ', toString(number + 1)) FROM numbers(3)")
	db.exec(t, customers)
	o, away := db.through(t)
	r := away.reader(t, sync.SourceOptions{Items: 2, Key: "id"})
	scanner, fetcher := r.(sync.Scanner), r.(sync.Fetcher) //nolint:errcheck,forcetypeassert // syncReader is both
	meet := func(call func() error) {
		t.Helper()
		o.Meet(t, call, func(n int, err error) {
			require.ErrorContainsf(t, err, "ClickHouse answered with error 241, memory limit exceeded", "outage at request %d", n)
			require.NotContains(t, err.Error(), password)
		})
	}
	unavailable := func(err error) error {
		if err != nil {
			require.Equal(t, sync.ClassUnavailable, sync.ClassOf(err), err)
		}
		return err
	}
	var page sync.Page
	meet(func() (err error) {
		page, err = r.Page(t.Context(), "members", sync.Window{}, nil)
		return unavailable(err)
	})
	require.Len(t, page.Records, 2)
	next := page.Next
	meet(func() (err error) {
		page, err = scanner.Scan(t.Context(), "members", next)
		return unavailable(err)
	})
	require.Equal(t, "3", page.Records[0].Key)
	meet(func() (err error) { page, err = fetcher.Fetch(t.Context(), "members", "2"); return unavailable(err) })
	require.JSONEq(t, `{"id":2,"name":"name 2"}`, string(page.Records[0].Data))
	gone := true
	meet(func() (err error) { gone, err = scanner.Gone(t.Context(), "members", "3"); return unavailable(err) })
	require.False(t, gone)
	meet(func() error {
		// A new writer does not know the table.
		outcomes, err := away.writer(t, db.database+".customers", "id").WritePage(t.Context(), "run/1", []json.RawMessage{
			json.RawMessage(`{"id":1,"name":"a"}`), json.RawMessage(`{"id":5000}`), json.RawMessage(`{"id":2,"name":"b"}`),
		})
		if err == nil {
			require.Equal(t, []sync.State{sync.StateDelivered, sync.StateRejected, sync.StateDelivered}, states(outcomes))
		}
		return unavailable(err)
	})
	require.Equal(t, []string{"a", "b"}, db.selected(t, "SELECT name FROM customers FINAL ORDER BY id"))
	c := away.connection(t)
	meet(func() error { _, err := clickhouse.Kind{Guard: outbound.Loopback()}.Test(t.Context(), c); return err })
	data, err := scanner.Tombstone("9", json.RawMessage(`{"id":9}`), time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.JSONEq(t, `{"id":9,"status":"deleted","deleted_at":"2026-01-02T12:00:00Z"}`, string(data))
}

// Jobs that meet an outage are tried again, and each row is there once.
func TestLoadOutages(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	o, away := db.through(t)
	batch := again(jobs(`{"no": 1}`, `{"no": 2}`))
	o.Meet(t, func() error {
		then := deliver(t, away.opener(), batch...)["001"]
		require.False(t, then.ForceDiscard)
		return then.Error
	}, func(n int, err error) {
		require.ErrorContainsf(t, err, "table orders of the connection dwh: ", "outage at request %d", n)
		require.ErrorContains(t, err, "ClickHouse answered with error 241, memory limit exceeded")
		require.Equal(t, destinations.ErrorClassConnection, destinations.ClassOf(err))
	})
	require.Equal(t, []string{"000", "001"}, db.ids(t))
}

// serving is the table behind a server that answers INSERT and SELECT of its own accord where one returns true.
func (t table) serving(tb testing.TB, insert, query func(w http.ResponseWriter, body string) bool) table {
	tb.Helper()
	return t.behind(tb, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		answer := query
		if inserts(r) {
			answer = insert
		} else if !strings.HasPrefix(string(body), "SELECT") {
			answer = nil
		}
		if answer != nil && answer(w, string(body)) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		t.engine.ServeHTTP(w, r)
	})
}

// refuseWith answers with an error of ClickHouse.
func refuseWith(w http.ResponseWriter, code, text string) {
	w.Header().Set("X-ClickHouse-Exception-Code", code)
	w.WriteHeader(http.StatusInternalServerError)
	write(w, "Code: "+code+". DB::Exception: "+text)
}

// Rows of an INSERT that proves nothing are unknown if the table cannot be asked for them.
func TestUnconfirmed(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	away := db.serving(t,
		func(w http.ResponseWriter, _ string) bool { summarised(w, 0); return true },
		func(w http.ResponseWriter, _ string) bool { refuseWith(w, "241", "Memory limit exceeded"); return true })
	then := deliver(t, away.opener(), jobs(`{"no": 1}`)...)["000"]
	require.EqualError(t, then.Error, "table orders of the connection dwh: look for the rows in the table: "+
		"ClickHouse answered with error 241, memory limit exceeded")
	require.True(t, then.Unknown)
}

// A row that is refused alone, with an error that does not name it, is tried once more while other rows are accepted.
func TestRefusedAlone(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	var refusals atomic.Int32
	away := db.serving(t, func(w http.ResponseWriter, body string) bool {
		if !strings.Contains(body, `"no":2`) || refusals.Add(1) > 2 {
			return false
		}
		refuseWith(w, "36", "Bad arguments")
		return true
	}, nil)
	for id, then := range deliver(t, away.opener(), jobs(`{"no": 1}`, `{"no": 2}`)...) {
		require.NoError(t, then.Error, id)
	}
	require.Equal(t, []string{"000", "001"}, db.ids(t))
	require.EqualValues(t, 3, refusals.Load())
}

// A server whose answer is cut off may have executed the statement.
func TestBodyCutOff(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	away := db.serving(t, func(w http.ResponseWriter, _ string) bool {
		w.Header().Set("Content-Length", "100")
		summarised(w, 1)
		write(w, "Ok")
		panic(http.ErrAbortHandler)
	}, nil)
	then := deliver(t, away.opener(), jobs(`{"no": 1}`)...)["000"]
	require.ErrorContains(t, then.Error, "table orders of the connection dwh: ")
	require.True(t, then.Unknown)
	require.Equal(t, destinations.ErrorClassConnection, destinations.ClassOf(then.Error))
}

// Answers of another server, such as a proxy, are judged by their status; of an answer that lies nothing is believed.
func TestSyncAnswersOfOthers(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, "CREATE TABLE members (id UInt32) ENGINE = MergeTree ORDER BY id")
	for status, want := range map[int]sync.Class{
		http.StatusBadGateway: sync.ClassUnavailable, http.StatusUnauthorized: sync.ClassUnavailable, http.StatusGone: sync.ClassPermanent,
	} {
		away := db.behind(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(status)
			write(w, "<html>hunter2</html>")
		})
		_, err := away.reader(t, sync.SourceOptions{Items: 2, Key: "id"}).Page(t.Context(), "members", sync.Window{}, nil)
		require.EqualError(t, err, "read rows: the server answered "+outbound.Describe(status))
		require.Equal(t, want, sync.ClassOf(err), status)
		require.Equal(t, 30*time.Second, sync.RetryAfter(err))
	}
	for name, body := range map[string]string{
		"too few values": `{"data": [[1]], "rows": 1}`, "no text": `{"data": [[1, 1, 1, null, "", 1]], "rows": 1}`,
		"no rows": `{"data": []}`,
	} {
		away := db.serving(t, nil, func(w http.ResponseWriter, _ string) bool { summarised(w, 0); write(w, body); return true })
		_, err := away.reader(t, sync.SourceOptions{Items: 2, Key: "id"}).Page(t.Context(), "members", sync.Window{}, nil)
		require.EqualError(t, err, "read rows: the server's answer is not that of ClickHouse: it is cut or has something else in it", name)
		require.Equal(t, sync.ClassUnavailable, sync.ClassOf(err), name)
	}
	kind := clickhouse.Kind{Guard: outbound.Loopback()}
	away := db.serving(t, nil, func(w http.ResponseWriter, _ string) bool {
		summarised(w, 0)
		write(w, `{"data": [], "rows": 0}`)
		return true
	})
	_, err := kind.Test(t.Context(), away.connection(t))
	require.EqualError(t, err, "the server's answer is not that of ClickHouse: it is cut or has something else in it")
}

// An INSERT of one row that is refused without naming it may be the table's fault; an outage between the halves of a
// refused batch ends it.
func TestSyncWriterRefusals(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, customers)
	records := []json.RawMessage{json.RawMessage(`{"id":1}`), json.RawMessage(`{"id":2}`)}
	away := db.serving(t, func(w http.ResponseWriter, _ string) bool { refuseWith(w, "36", "Bad arguments"); return true }, nil)
	outcomes, err := away.writer(t, "customers", "id").WritePage(t.Context(), "run/1", records)
	require.ErrorContains(t, err, "ClickHouse answered with error 36, bad arguments")
	require.Equal(t, sync.ClassUnknown, sync.ClassOf(err))
	require.Equal(t, []sync.State{sync.StateUnsent, sync.StateUnsent}, states(outcomes))
	require.Empty(t, db.selected(t, "SELECT name FROM customers"))

	db.exec(t, "CREATE TABLE computed (id UInt32 MATERIALIZED 1, name String) ENGINE = ReplacingMergeTree ORDER BY id")
	_, err = db.writer(t, "computed", "id").WritePage(t.Context(), "run/1", records)
	require.ErrorContains(t, err, "look at the table computed: the table computes a column of its sort key: want one that a row can fill")
	require.Equal(t, sync.ClassPermanent, sync.ClassOf(err))
}

// Rows of which not even two fit an answer are refused.
func TestSyncReaderTooLargeRows(t *testing.T) {
	t.Parallel()
	db := newTable(t, "")
	db.exec(t, "CREATE TABLE large (id UInt8, text String) ENGINE = MergeTree ORDER BY id")
	db.exec(t, "INSERT INTO large SELECT number, repeat(repeat('x', 1000000), 9) FROM numbers(2)")
	_, err := db.reader(t, sync.SourceOptions{Items: 1, Key: "id"}).Page(t.Context(), "large", sync.Window{}, nil)
	require.EqualError(t, err, "read rows: two rows have more than 16777216 bytes: want less")
	require.Equal(t, sync.ClassPermanent, sync.ClassOf(err))
}

// A reader and a writer that wait for a connection of the account end with the activity; settings that another release has
// stored are refused by name.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	kind := clickhouse.Kind{Guard: outbound.Loopback()}
	require.Equal(t, []string{
		"clickhouse: ClickHouse", "url: string, required", "database: string, default by default", "user: string, default by default",
		"password: secret",
	}, destinationtest.Described(kind))
	require.True(t, kind.FindsDeletions())
	c := connections.Connection{Name: "dwh", Kind: "clickhouse", Settings: json.RawMessage(`{"url": "http://127.0.0.1:1"}`)}
	r, err := kind.OpenReader(c, sync.SourceOptions{Items: 2, Key: "id"}, synctest.Exhausted{})
	require.NoError(t, err)
	_, err = r.Page(ctx, "t", sync.Window{}, nil)
	require.ErrorIs(t, err, context.Canceled)
	options := sync.TargetOptions{Table: "t", Key: []string{"id"}}
	w, err := kind.OpenWriter(c, options, synctest.Exhausted{})
	require.NoError(t, err)
	outcomes, err := w.Write(ctx, []json.RawMessage{json.RawMessage(`{"id":1}`)})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []sync.State{sync.StateUnsent}, states(outcomes))

	const want = `settings of the connection dwh: setting "url": want an address such as https://clickhouse.example.com:8443`
	c.Settings = json.RawMessage(`{"url": "https://u:hunter2@example.com"}`)
	_, err = kind.OpenWriter(c, options, synctest.Budgets{})
	require.EqualError(t, err, want)
	_, err = kind.Test(t.Context(), c)
	require.EqualError(t, err, want)
	then := deliver(t, destinationtest.Opener(c), jobs(`{"no": 1}`)...)["000"]
	require.EqualError(t, then.Error, want)
	require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(then.Error))
}
