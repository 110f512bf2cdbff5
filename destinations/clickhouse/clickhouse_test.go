package clickhouse_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/clickhouse"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
)

const password = "hunter2-S3cret"

func event(data string) destinations.Event { return destinations.Event{Data: json.RawMessage(data)} }

// table is a table of a user's own.
type table struct {
	dsn, url, database string
	engine             http.Handler
}

// newTable makes one. The server is reached as well as a fault lets it.
func newTable(tb testing.TB, fault destinationtest.Fault) table {
	tb.Helper()
	dsn := enginetest.WarehouseDSN(tb)
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	enginetest.ExecClickHouse(tb, dsn, "CREATE TABLE orders (job_id String, no UInt32, at DateTime('UTC') DEFAULT 0, "+
		"CONSTRAINT small CHECK no < 1000) ENGINE = MergeTree ORDER BY job_id")
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: u.Host})
	return table{
		dsn: dsn, url: destinationtest.ServeHTTP(tb, fault, proxy), database: strings.TrimPrefix(u.Path, "/"), engine: proxy,
	}
}

// behind is the table, reached through a handler.
func (t table) behind(tb testing.TB, handler http.HandlerFunc) table {
	tb.Helper()
	t.url = destinationtest.ServeHTTP(tb, "", handler)
	return t
}

func (t table) exec(tb testing.TB, statement string) {
	tb.Helper()
	enginetest.ExecClickHouse(tb, t.dsn, statement)
}

// jobs are rows for the table, with the IDs a, b and so on.
func jobs(rows ...string) (all []destinations.QueuedJob) {
	for i, row := range rows {
		all = append(all, destinations.QueuedJob{
			ID: fmt.Sprintf("%03d", i), Attempt: 1, Data: json.RawMessage(`{"connection": "dwh", "table": "orders", "row": ` + row + `}`),
		})
	}
	return all
}

// again are jobs that come once more.
func again(jobs []destinations.QueuedJob) []destinations.QueuedJob {
	all := slices.Clone(jobs)
	for i := range all {
		all[i].Attempt++
		all[i].Repeated = true
	}
	return all
}

func (t table) opener() destinationtest.Opener {
	return destinationtest.Opener{
		Name: "dwh", Kind: "clickhouse",
		Settings: json.RawMessage(fmt.Sprintf(`{"url": %q, "database": %q}`, t.url, t.database)),
		Secrets:  map[string]string{"password": password},
	}
}

// ids returns the IDs in the table.
func (t table) ids(tb testing.TB) []string {
	tb.Helper()
	options, err := clickhousego.ParseDSN(t.dsn)
	require.NoError(tb, err)
	conn, err := clickhousego.Open(options)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close()) }()
	var all []struct {
		ID string `ch:"job_id"`
	}
	require.NoError(tb, conn.Select(tb.Context(), &all, "SELECT job_id FROM orders ORDER BY job_id"))
	ids := make([]string, len(all))
	for i, row := range all {
		ids[i] = row.ID
	}
	return ids
}

func subject(tb testing.TB, fault destinationtest.Fault) destinationtest.Subject {
	tb.Helper()
	t := newTable(tb, fault)
	s := destinationtest.Subject{
		Destination: clickhouse.New(outbound.Loopback()), Action: "insert", Connections: t.opener(), Delivered: t.ids,
	}
	for i := range 6 {
		s.Events = append(s.Events, event(fmt.Sprintf(
			`{"connection": "dwh", "table": "orders", "row": {"no": %d, "at": "2026-02-01T12:00:00Z"}}`, i)))
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	cfg := destinationtest.Config{
		New: func(tb testing.TB) destinationtest.Subject { tb.Helper(); return subject(tb, "") },
		BadEvents: []destinations.Event{
			event(`{}`), event(`{"connection": "dwh", "table": "orders"}`), event(`{"connection": "dwh", "table": "a; b", "row": {}}`),
			event(`{"connection": "dwh", "table": "orders", "row": [1]}`), event(`{"connection": "dwh", "table": "orders", "row": null}`),
			event(`{"connection": "dwh", "table": "orders", "row": {"job_id": "x"}}`),
			event(`{"connection": "dwh", "table": "orders", "id_column": "a b", "row": {}}`),
			event(`{"connection": "` + password + `/x", "table": "orders", "row": {}}`),
			event(`{"connection": "dwh", "table": "orders", "row": {"x": "` + strings.Repeat("x", clickhouse.MaxRow) + `"}}`),
		},
		Secrets: []string{password},
		Faults:  map[destinationtest.Fault]func(tb testing.TB) destinationtest.Subject{},
	}
	for _, fault := range destinationtest.Faults() {
		cfg.Faults[fault] = func(tb testing.TB) destinationtest.Subject { tb.Helper(); return subject(tb, fault) }
	}
	// One request has all rows: what is refused are rows, not requests.
	cfg.Faults[destinationtest.FaultPartial] = func(tb testing.TB) destinationtest.Subject {
		tb.Helper()
		s := subject(tb, "")
		s.Events[2] = event(`{"connection": "dwh", "table": "orders", "row": {"no": 5000}}`)
		s.Events[4] = event(`{"connection": "dwh", "table": "orders", "row": {"no": "many"}}`)
		s.Events[5] = event(`{"connection": "dwh", "table": "orders", "row": {"colour": "red"}}`)
		return s
	}
	cfg.Faults[destinationtest.FaultUnready] = func(tb testing.TB) destinationtest.Subject {
		tb.Helper()
		s := subject(tb, "")
		for i, e := range s.Events {
			s.Events[i] = event(strings.Replace(string(e.Data), `"orders"`, `"nowhere"`, 1))
		}
		return s
	}
	destinationtest.Run(t, cfg)
}

func deliver(t *testing.T, c connections.Opener, jobs ...destinations.QueuedJob) map[string]destinations.Then {
	t.Helper()
	all := map[string]destinations.Then{}
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: jobs}}}
	clickhouse.New(outbound.Loopback()).Actions()[0].Load(t.Context(), &destinations.Toolkit{Connections: c}, q, func(then destinations.Then) {
		for _, id := range then.Jobs {
			all[id] = then
		}
	})
	require.Len(t, all, len(jobs))
	return all
}

// The error of a rejected row omits its values, and a row that an operator can fix is kept.
func TestFaults(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	const job, operator = destinations.ErrorClassJob, destinations.ErrorClassOperator
	for data, want := range map[string]struct {
		text  string
		class destinations.ErrorClass
	}{
		`{"connection": "dwh", "table": "orders", "row": {"no": "hunter2"}}`:                       {`column "no": want a whole number`, job},
		`{"connection": "dwh", "table": "orders", "row": {"no": 5000}}`:                            {"a constraint is violated", job},
		`{"connection": "dwh", "table": "orders", "row": {"colour": "hunter2"}}`:                   {`no column "colour"`, operator},
		`{"connection": "dwh", "table": "orders", "id_column": "job", "row": {"no": 1}}`:           {`no column "job" for the job's ID`, operator},
		`{"connection": "dwh", "table": "orders", "id_column": "at", "row": {"no": 1}}`:            {`column "at" cannot take the job's ID`, operator},
		`{"connection": "dwh", "table": "nowhere", "row": {"no": 1}}`:                              {"unknown table", operator},
		`{"connection": "dwh", "table": "nowhere.x", "row": {"no": 1}}`:                            {"unknown database", operator},
		`{"connection": "dwh", "table": "orders", "row": {"no": -1, "colour": "red", "at": null}}`: {`column "at": want a value, not null`, job},
	} {
		then := deliver(t, tab.opener(), destinations.QueuedJob{ID: "a", Data: json.RawMessage(data)})["a"]
		require.ErrorContains(t, then.Error, want.text, data)
		require.Equal(t, want.class, destinations.ClassOf(then.Error), data)
		require.Equal(t, want.class == job, then.ForceDiscard, data)
		require.NotContains(t, then.Error.Error(), "hunter2")
	}
	require.Empty(t, tab.ids(t))
}

// A job that was loaded before goes in once, whatever it comes together with.
func TestRepeatedAmongOthers(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	job := func(id string, repeated bool) destinations.QueuedJob {
		return destinations.QueuedJob{
			ID: id, Repeated: repeated, Data: json.RawMessage(`{"connection": "dwh", "table": "orders", "row": {"no": 1}}`),
		}
	}
	for _, then := range deliver(t, tab.opener(), job("a", false), job("b'", false)) {
		require.NoError(t, then.Error)
	}
	for _, then := range deliver(t, tab.opener(), job("b'", true), job("c", true), job("d", false)) {
		require.NoError(t, then.Error)
	}
	require.Equal(t, []string{"a", "b'", "c", "d"}, tab.ids(t))
}

func TestKind(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	kind := clickhouse.Kind{Guard: outbound.Loopback()}
	settings, err := kind.ParseSettings(tab.opener().Settings)
	require.NoError(t, err)
	c := connections.Connection(tab.opener())
	c.Settings = settings
	report, err := kind.Test(t.Context(), c)
	require.NoError(t, err)
	require.Contains(t, report.Lines[1], tab.database)
	c.Settings = json.RawMessage(`{"url": "http://127.0.0.1:1"}`)
	_, err = kind.Test(t.Context(), c)
	require.ErrorContains(t, err, "reach the endpoint")
	for _, bad := range []string{
		`{}`, `{"url": "clickhouse://x"}`, `{"url": "https://user:pw@x"}`, `{"url": "https://x?password=y"}`,
		`{"url": "https://x", "user": ""}`, `{"url": "https://x", "port": 1}`,
	} {
		_, err := kind.ParseSettings(json.RawMessage(bad))
		require.Error(t, err, bad)
	}
}
