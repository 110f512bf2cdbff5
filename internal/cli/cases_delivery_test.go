package cli

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
)

// delivering is a shell on a system whose worker delivers to the stock destinations, all of
// them in realtime.
func delivering(t *testing.T) (*enginetest.System, shell) {
	t.Helper()
	system, s := systemWithoutWorker(t)
	keyset, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keyset.JSON()
	require.NoError(t, err)
	system.Settings.Connections.Keyset = string(text)
	s.environ = append(s.environ, "SLUICE_CONNECTIONS_KEYSET="+string(text))
	system.Tune = func(c *worker.Config) { c.Destinations = components.Stock(config.Default()).Destinations }
	system.StartWorker(t)
	for _, ref := range [][]string{{"clickhouse", "insert"}, {"postgres", "upsert"}} {
		s.ok(t, "destination", "set-schedule", ref[0], ref[1], "--realtime")
	}
	return system, s
}

// addClickHouse adds a connection to the ClickHouse of the system, or to another URL.
func (s shell) addClickHouse(t *testing.T, name string, system *enginetest.System, at string) {
	t.Helper()
	options, err := clickhouse.ParseDSN(system.Settings.Warehouse.DSN)
	require.NoError(t, err)
	if at == "" {
		at = "http://" + options.Addr[0]
	}
	s.ok(t, "connection", "add", name, "--kind", "clickhouse", "--set", "url="+at,
		"--set", "database="+options.Auth.Database, "--set", "user="+options.Auth.Username)
}

// sendRow sends a row to a table and returns its job.
func (s shell) sendRow(t *testing.T, destination, action string, row map[string]any) string {
	t.Helper()
	data, err := json.Marshal(row)
	require.NoError(t, err)
	var sent sentJSON
	s.json(t, &sent, "event", "send", "--source", "shop", "--name", "row",
		"--to", destination+"/"+action, "--data", string(data))
	require.Len(t, sent.Jobs, 1)
	return sent.Jobs[0]
}

// Rows that do not fit their columns are discarded, each with its column.
func TestCasesOfValues(t *testing.T) {
	t.Parallel()
	cases := casesFolder(t)
	if cases == "" {
		return
	}
	system, s := delivering(t)
	table, err := os.ReadFile(filepath.Join(cases, "clickhouse-values", "table.sql"))
	require.NoError(t, err)
	enginetest.ExecClickHouse(t, system.Settings.Warehouse.DSN, string(table))
	s.addClickHouse(t, "ch", system, "")
	rows, err := os.ReadFile(filepath.Join(cases, "clickhouse-values", "rows.jsonl"))
	require.NoError(t, err)
	jobs := map[string]string{}
	for line := range strings.Lines(string(rows)) {
		jobs[s.sendRow(t, "clickhouse", "insert",
			map[string]any{"connection": "ch", "table": "t", "row": json.RawMessage(line)})] = line
	}
	good := s.sendRow(t, "clickhouse", "insert",
		map[string]any{"connection": "ch", "table": "t", "row": map[string]any{"id": 1, "small": 255, "dec": "1.23"}})
	s.waitForJob(t, good, waitForDelivery, deliverystore.JobSucceeded)
	for id, line := range jobs {
		_, text := s.waitForJob(t, id, waitForDelivery, deliverystore.JobDiscarded)
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		named := false
		for column := range row {
			named = named || strings.Contains(text, column) && (column != "id" || len(row) == 1)
		}
		require.True(t, named, "the column is named: %s: %s", line, text)
	}
	require.EqualValues(t, 1, enginetest.RowCounts(t, system.Settings.Store.DSN, system.Settings.Warehouse.DSN)["warehouse.t"])
}

// What answers 200 without being ClickHouse has inserted nothing.
func TestCasesOfAnswers(t *testing.T) {
	t.Parallel()
	if casesFolder(t) == "" {
		return
	}
	system, s := delivering(t)
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, kind := "<html><h1>We are down for maintenance</h1></html>", "text/html"
		if strings.Contains(r.URL.Path, "exc") {
			body, kind = "Code: 241. DB::Exception: Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED)\n", "text/plain"
		}
		w.Header().Set("Content-Type", kind)
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(portal.Close)
	for name, path := range map[string]string{"portal": "/portal", "exc": "/exc", "ping": "/ping"} {
		s.addClickHouse(t, name, system, portal.URL+path)
		job := s.sendRow(t, "clickhouse", "insert",
			map[string]any{"connection": name, "table": "t", "row": map[string]any{"id": 1}})
		s.waitForJob(t, job, waitForDelivery, deliverystore.JobFailed, deliverystore.JobUnknown)
	}
}

// Events with a mistyped connection close nothing for others.
func TestCasesOfCircuits(t *testing.T) {
	t.Parallel()
	if casesFolder(t) == "" {
		return
	}
	system, s := delivering(t)
	u, err := url.Parse(system.Settings.Store.DSN)
	require.NoError(t, err)
	password, _ := u.User.Password()
	s.environ = append(s.environ, "PASSWORD="+password)
	s.ok(t, "connection", "add", "dwh", "--kind", "postgres", "--set", "host="+u.Hostname(), "--set", "port:="+u.Port(),
		"--set", "database="+strings.TrimPrefix(u.Path, "/"), "--set", "user="+u.User.Username(), "--set", "tls=none")
	sql, err := pgx.Connect(enginetest.Context(t), system.Settings.Store.DSN)
	require.NoError(t, err)
	_, err = sql.Exec(enginetest.Context(t), "CREATE TABLE deflt (id bigint PRIMARY KEY, v text)")
	require.NoError(t, errors.Join(err, sql.Close(enginetest.Context(t))))
	row := func(connection string, row map[string]any) string {
		return s.sendRow(t, "postgres", "upsert",
			map[string]any{"connection": connection, "table": "deflt", "key": []string{"id"}, "row": row})
	}
	for range 5 {
		row("typo", map[string]any{"id": 1})
		s.ok(t, "destination", "trigger", "postgres", "upsert")
	}
	good := row("dwh", map[string]any{"id": 778, "v": "healthy"})
	s.ok(t, "destination", "trigger", "postgres", "upsert")
	s.ok(t, "destination", "resume", "postgres")
	s.waitForJob(t, good, waitForDelivery, deliverystore.JobSucceeded)
}
