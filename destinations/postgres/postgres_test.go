package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
)

const password = "hunter2-S3cret"

func event(data string) destinations.Event { return destinations.Event{Data: json.RawMessage(data)} }

// table is a table of a user's own.
type table struct {
	sql  *pgx.Conn
	host *url.URL
}

func newTable(tb testing.TB) table {
	tb.Helper()
	dsn := enginetest.StoreDSN(tb)
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	conn, err := pgx.Connect(tb.Context(), dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, conn.Close(context.Background())) })
	t := table{sql: conn, host: u}
	t.exec(tb, `CREATE TABLE "The Orders" (id bigint PRIMARY KEY, "Total" numeric CHECK ("Total" < 1000), at timestamptz,
		tags text[], note text, seen integer NOT NULL DEFAULT 1)`)
	return t
}

func (t table) exec(tb testing.TB, statement string) {
	tb.Helper()
	_, err := t.sql.Exec(tb.Context(), statement)
	require.NoError(tb, err)
}

// opener opens the database under an address, with or without TLS.
func (t table) opener(tb testing.TB, host string, port int, secured string) connections.Opener {
	tb.Helper()
	settings, err := json.Marshal(map[string]any{
		"host": host, "port": port, "database": strings.TrimPrefix(t.host.Path, "/"), "user": t.host.User.Username(), "tls": secured,
	})
	require.NoError(tb, err)
	return destinationtest.Opener{
		Name: "dwh", Kind: "postgres", Settings: settings, Secrets: map[string]string{"password": password},
	}
}

func (t table) direct(tb testing.TB) connections.Opener {
	tb.Helper()
	address, err := net.ResolveTCPAddr("tcp", t.host.Host)
	require.NoError(tb, err)
	return t.opener(tb, address.IP.String(), address.Port, postgres.TLSNone)
}

// ids returns the IDs in the table.
func (t table) ids(tb testing.TB) []string {
	tb.Helper()
	rows, err := t.sql.Query(tb.Context(), `SELECT id::text FROM "The Orders" ORDER BY id`)
	require.NoError(tb, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	return ids
}

const row = `{"connection": "dwh", "table": "public.The Orders", "key": ["id"], "row": {"id": %d, "Total": "12.50",
	"at": "2026-02-01T12:00:00Z", "tags": ["a", "b"]}}`

func subject(tb testing.TB) (destinationtest.Subject, table) {
	tb.Helper()
	t := newTable(tb)
	s := destinationtest.Subject{
		Destination: postgres.New(outbound.Loopback()), Action: "upsert", Connections: t.direct(tb), Delivered: t.ids,
	}
	for i := range 6 {
		s.Events = append(s.Events, event(fmt.Sprintf(row, i)))
	}
	return s, t
}

// through is a subject whose database is reached by another address.
func through(tb testing.TB, secured string, address func(t table) *net.TCPAddr) destinationtest.Subject {
	tb.Helper()
	s, t := subject(tb)
	at := address(t)
	s.Connections = t.opener(tb, at.IP.String(), at.Port, secured)
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	type fresh = func(tb testing.TB) destinationtest.Subject
	destinationtest.Run(t, destinationtest.Config{
		New: func(tb testing.TB) destinationtest.Subject { tb.Helper(); s, _ := subject(tb); return s },
		BadEvents: []destinations.Event{
			event(`{}`), event(`{"connection": "dwh", "table": "t", "key": [], "row": {"id": 1}}`),
			event(`{"connection": "dwh", "table": "t", "key": ["no"], "row": {"id": 1}}`),
			event(`{"connection": "dwh", "table": "a.b.c", "key": ["id"], "row": {"id": 1}}`),
			event(`{"connection": "dwh", "table": "", "key": ["id"], "row": {"id": 1}}`),
			event(`{"connection": "dwh", "table": "t", "key": ["id"], "newest": "id", "row": {"id": 1}}`),
			event(`{"connection": "dwh", "table": "t", "key": ["id"], "row": [1]}`),
			event(`{"connection": "` + password + `/x", "table": "t", "key": ["id"], "row": {"id": 1}}`),
			event(`{"connection": "dwh", "table": "t", "key": ["id"], "row": {"id": "` + strings.Repeat("x", postgres.MaxRow) + `"}}`),
		},
		Secrets: []string{password},
		Faults: map[destinationtest.Fault]fresh{
			destinationtest.FaultSlow: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				s, t := subject(tb)
				t.exec(tb, `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$`)
				t.exec(tb, `CREATE TRIGGER slow BEFORE INSERT ON "The Orders" FOR EACH ROW EXECUTE FUNCTION slow()`)
				return s
			},
			destinationtest.FaultHanging: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return through(tb, postgres.TLSNone, func(table) *net.TCPAddr { return destinationtest.Silent(tb) })
			},
			destinationtest.FaultImpostor: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return through(tb, postgres.TLSNone, func(table) *net.TCPAddr { return destinationtest.Impostor(tb) })
			},
			destinationtest.FaultUnready: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				s, t := subject(tb)
				t.exec(tb, `ALTER TABLE "The Orders" RENAME COLUMN tags TO labels`)
				return s
			},
			destinationtest.FaultBroken: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				s, t := subject(tb)
				t.exec(tb, `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
					$$ BEGIN RAISE EXCEPTION 'out of order' USING ERRCODE = 'io_error'; END $$`)
				t.exec(tb, `CREATE TRIGGER broken BEFORE INSERT ON "The Orders" FOR EACH ROW EXECUTE FUNCTION broken()`)
				return s
			},
			destinationtest.FaultPartial: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				s, _ := subject(tb)
				s.Events[2] = event(`{"connection": "dwh", "table": "The Orders", "key": ["id"], "row": {"id": 2, "Total": 5000}}`)
				s.Events[4] = event(`{"connection": "dwh", "table": "The Orders", "key": ["id"], "row": {"id": 4, "at": "soon"}}`)
				return s
			},
			destinationtest.FaultReset: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return through(tb, postgres.TLSNone, func(t table) *net.TCPAddr {
					return destinationtest.CutAnswer(tb, t.host.Host, []byte("INSERT 0 1"))
				})
			},
			destinationtest.FaultTLS: func(tb testing.TB) destinationtest.Subject {
				tb.Helper()
				return through(tb, postgres.TLSVerify, func(table) *net.TCPAddr {
					return destinationtest.BadCertificate(tb, func(client net.Conn) error {
						// The client requests TLS with eight bytes, and receives S for yes.
						_, err := io.ReadFull(client, make([]byte, 8))
						_, werr := client.Write([]byte("S"))
						return errors.Join(err, werr)
					})
				})
			},
		},
		Inapplicable: map[destinationtest.Fault]string{
			destinationtest.FaultThrottled:    "the protocol has no word for it: too many connections is an error like others",
			destinationtest.FaultThrottledFor: "the protocol has no word for it",
			destinationtest.FaultHuge:         "an INSERT without RETURNING has no answer to speak of",
		},
	})
}

func deliver(t *testing.T, c connections.Opener, data ...string) []destinations.Then {
	t.Helper()
	var all []destinations.Then
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{}}}
	for i, text := range data {
		q.Events[0].Jobs = append(q.Events[0].Jobs, destinations.QueuedJob{ID: fmt.Sprint(i), Data: json.RawMessage(text)})
	}
	postgres.New(outbound.Loopback()).Actions()[0].Load(t.Context(), &destinations.Toolkit{Connections: c}, q, func(then destinations.Then) {
		all = append(all, then)
	})
	require.Len(t, all, len(data))
	return all
}

// A row takes the place of the one before; columns that it does not have stay; one that is
// older than what is there changes nothing, if both have a time.
func TestUpsert(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	const head = `{"connection": "dwh", "table": "The Orders", "key": ["id"], `
	for _, then := range deliver(
		t, tab.direct(t),
		head+`"row": {"id": 1, "Total": 10, "note": "first", "tags": ["x"]}}`,
		head+`"row": {"id": 1, "Total": 11.5}}`,
		head+`"row": {"id": 1}}`,
		head+`"newest": "at", "row": {"id": 1, "at": "2026-02-02T00:00:00Z"}}`,
		head+`"newest": "at", "row": {"id": 1, "at": "2026-02-01T00:00:00Z", "Total": 99}}`,
		head+`"newest": "at", "row": {"id": 1, "at": "2026-02-02T00:00:00Z", "tags": ["y", "z"]}}`,
	) {
		require.NoError(t, then.Error)
	}
	var total, note, at string
	var tags []string
	var seen int
	require.NoError(t, tab.sql.QueryRow(t.Context(), `SELECT "Total"::text, note, at::text, tags, seen FROM "The Orders"`).Scan(
		&total, &note, &at, &tags, &seen,
	))
	require.Equal(t, "11.5", total)
	require.Equal(t, "first", note)
	require.Contains(t, at, "2026-02-02")
	require.Equal(t, []string{"y", "z"}, tags)
	require.Equal(t, 1, seen, "its default")
}

// Errors name what is wrong and quote no values.
func TestErrors(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	tab.exec(t, `CREATE TABLE lines (id text PRIMARY KEY, of bigint REFERENCES "The Orders" (id))`)
	for data, want := range map[string]struct {
		text    string
		discard bool
	}{
		`"table": "The Orders", "row": {"id": "hunter2"}}`:             {"error 22P02: a value does not fit its column", true},
		`"table": "The Orders", "row": {"id": 1, "Total": 5000}}`:      {`error 23514 about the constraint "The Orders_Total_check"`, true},
		`"table": "The Orders", "row": {"id": 1, "seen": null}}`:       {`error 23502 about the column "seen"`, true},
		`"table": "The Orders", "row": {"id": 1, "note": "\u0000"}}`:   {"error 22P05", true},
		`"table": "lines", "row": {"id": "hunter2", "of": 7}}`:         {`error 23503 about the constraint "lines_of_fkey"`, false},
		`"table": "nowhere", "row": {"id": 1}}`:                        {`error 42P01, relation "nowhere" does not exist`, false},
		`"table": "The Orders", "row": {"id": 1, "x\"; DROP": 1}}`:     {`error 42703, column "x"; DROP`, false},
		`"table": "The Orders\"; DROP TABLE lines", "row": {"id": 1}}`: {`error 42P01`, false},
	} {
		then := deliver(t, tab.direct(t), `{"connection": "dwh", "key": ["id"], `+data)[0]
		require.ErrorContains(t, then.Error, want.text, data)
		require.Equal(t, want.discard, then.ForceDiscard, data)
		require.NotContains(t, then.Error.Error(), "hunter2")
	}
	require.Empty(t, tab.ids(t))
}

func TestKind(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	kind := postgres.Kind{Guard: outbound.Loopback()}
	require.Equal(t, []string{
		"postgres: PostgreSQL", "host: string, required", "port: integer, 5432 by default", "database: string, required",
		"user: string, required", "tls: string, verify by default", "password: secret",
	}, destinationtest.Described(kind))
	require.True(t, kind.FindsDeletions())
	c, err := tab.direct(t).Open(t.Context(), "dwh")
	require.NoError(t, err)
	c.Settings, err = kind.ParseSettings(c.Settings)
	require.NoError(t, err)
	report, err := kind.Test(t.Context(), c)
	require.NoError(t, err)
	require.Contains(t, report.Lines[0], "PostgreSQL 1")
	c.Settings = json.RawMessage(`{"host": "127.0.0.1", "port": 1, "database": "d", "user": "u"}`)
	_, err = kind.Test(t.Context(), c)
	require.ErrorContains(t, err, "the connection failed")
	for _, bad := range []string{
		`{}`, `{"host": "h", "database": "d", "user": ""}`, `{"host": "h", "database": "d", "user": "u", "port": 0}`,
		`{"host": "h", "database": "d", "user": "u", "tls": "prefer"}`, `{"dsn": "postgres://x"}`,
		`{"host": "/var/run/postgresql", "database": "d", "user": "u"}`, `{"host": "@a", "database": "d", "user": "u"}`,
		`{"host": "a,b", "database": "d", "user": "u"}`,
	} {
		_, err := kind.ParseSettings(json.RawMessage(bad))
		require.Error(t, err, bad)
	}
}

// What a connection may reach is decided when it is dialled, and a password is not sent in clear
// over a network.
func TestGuard(t *testing.T) {
	t.Parallel()
	c := connections.Connection{
		Name: "dwh", Kind: postgres.KindName, Secrets: map[string]string{"password": "hunter2"},
		Settings: json.RawMessage(`{"host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "tls": "none"}`),
	}
	settings := config.Connections{Addresses: "postgres=public"}
	_, err := postgres.Kind{Guard: settings.Guard(postgres.KindName)}.Test(t.Context(), c)
	require.ErrorContains(t, err, "the address 127.0.0.1 is not allowed for connections of kind postgres")
	c.Settings = json.RawMessage(`{"host": "198.51.100.1", "database": "d", "user": "u", "tls": "none"}`)
	_, err = postgres.Kind{Guard: config.Connections{}.Guard(postgres.KindName)}.Test(t.Context(), c)
	require.ErrorContains(t, err, "a secret would be sent in clear to 198.51.100.1")
	require.NotContains(t, err.Error(), "hunter2")
	c.Settings = json.RawMessage(`{"host": "169.254.169.254", "port": 80, "database": "d", "user": "u"}`)
	_, err = postgres.Kind{Guard: config.Connections{}.Guard(postgres.KindName)}.Test(t.Context(), c)
	require.ErrorContains(t, err, "the address 169.254.169.254 is not allowed")
}
