package postgres_test

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/synctest"
)

// through opens the table's database through an outage that has not begun.
func (t table) through(tb testing.TB) (*enginetest.StoreOutage, connections.Opener) {
	tb.Helper()
	o := enginetest.NewStoreOutage(tb, t.host.String())
	u, err := url.Parse(o.DSN)
	require.NoError(tb, err)
	address, err := net.ResolveTCPAddr("tcp", u.Host)
	require.NoError(tb, err)
	return o, t.opener(tb, address.IP.String(), address.Port, postgres.TLSNone)
}

// An outage at any statement of a reader, of a writer or of a test is one of the database, names neither secrets nor
// values, and costs no record.
func TestSyncOutages(t *testing.T) {
	t.Parallel()
	db := newTable(t)
	db.exec(t, `INSERT INTO "The Orders" (id) VALUES (1), (2), (3)`)
	o, opener := db.through(t)
	c, err := opener.Open(t.Context(), "dwh")
	require.NoError(t, err)
	kind := postgres.Kind{Guard: outbound.Loopback()}
	r, err := kind.OpenReader(c, sync.SourceOptions{Items: 2, Key: "id", Cursor: "at"}, synctest.Budgets{})
	require.NoError(t, err)
	w, err := kind.OpenWriter(c, sync.TargetOptions{Items: 10, Table: "The Orders", Key: []string{"id"}}, synctest.Budgets{})
	require.NoError(t, err)
	scanner, fetcher := r.(sync.Scanner), r.(sync.Fetcher) //nolint:errcheck,forcetypeassert // syncReader is both
	meet := func(call func() error) {
		t.Helper()
		o.Meet(t, call, func(n int, err error) {
			require.Regexpf(t, "the database answered with error 57P0[13]", err.Error(), "outage at request %d", n)
			require.NotContains(t, err.Error(), password)
			require.Equal(t, sync.ClassUnavailable, sync.ClassOf(err), err)
		})
	}
	var page sync.Page
	meet(func() (err error) { page, err = r.Page(t.Context(), "The Orders", sync.Window{}, nil); return err })
	require.Len(t, page.Records, 2)
	next := page.Next
	meet(func() (err error) { page, err = scanner.Scan(t.Context(), "The Orders", next); return err })
	require.Equal(t, "3", page.Records[0].Key)
	meet(func() (err error) { page, err = fetcher.Fetch(t.Context(), "The Orders", "2"); return err })
	require.JSONEq(t, `{"id":2,"Total":null,"at":null,"tags":null,"note":null,"seen":1}`, string(page.Records[0].Data))
	gone := true
	meet(func() (err error) { gone, err = scanner.Gone(t.Context(), "The Orders", "3"); return err })
	require.False(t, gone)
	meet(func() error {
		outcomes, err := w.Write(t.Context(), []json.RawMessage{[]byte(`{"id":1}`), []byte(`{"id":4,"note":"x"}`), []byte(`{"id":1}`)})
		for i, o := range outcomes {
			require.Contains(t, []sync.State{sync.StateDelivered, sync.StateUnsent}, o.State)
			require.False(t, err == nil && o.State != sync.StateDelivered, "record %d", i)
		}
		return err
	})
	require.Equal(t, []string{"1", "2", "3", "4"}, db.ids(t))
	meet(func() error { _, err := kind.Test(t.Context(), c); return err })

	_, err = r.Page(t.Context(), "The Orders", r.Window(time.Now().Add(-time.Hour), time.Now()), sync.Cursor(`{"key":"1"}`))
	require.ErrorContains(t, err, "the cursor is not valid: want one that a page returned")
	require.Equal(t, sync.ClassPermanent, sync.ClassOf(err))
}

// Jobs that meet an outage are tried again: nothing is discarded, and the jobs behind the first are not tried.
func TestLoadOutages(t *testing.T) {
	t.Parallel()
	db := newTable(t)
	db.exec(t, `INSERT INTO "The Orders" (id) VALUES (1)`)
	o, opener := db.through(t)
	const there = `{"connection": "dwh", "table": "The Orders", "key": ["id"], "row": {"id": 1}}`
	o.Meet(t, func() error {
		all := deliver(t, opener, there, there)
		if o.Met() {
			require.Error(t, all[1].Error)
			require.True(t, all[1].Untried || all[0].Error == nil, "%+v", all)
		}
		return all[1].Error
	}, func(n int, err error) {
		require.Regexpf(t, "57P0[13]", err.Error(), "outage at request %d", n)
		require.Equal(t, destinations.ErrorClassConnection, destinations.ClassOf(err))
	})
}

// A reader and a writer that wait for a connection of the account end with the activity, and so does a test.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := connections.Connection{
		Name: "dwh", Kind: postgres.KindName, Settings: json.RawMessage(`{"host":"127.0.0.1","port":1,"database":"d","user":"u","tls":"none"}`),
	}
	kind := postgres.Kind{Guard: outbound.Loopback()}
	r, err := kind.OpenReader(c, sync.SourceOptions{Items: 2, Key: "id"}, synctest.Exhausted{})
	require.NoError(t, err)
	_, err = r.Page(ctx, "t", sync.Window{}, nil)
	require.ErrorIs(t, err, context.Canceled)
	w, err := kind.OpenWriter(c, sync.TargetOptions{Table: "t", Key: []string{"id"}}, synctest.Exhausted{})
	require.NoError(t, err)
	outcomes, err := w.Write(ctx, []json.RawMessage{[]byte(`{"id":1}`)})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []sync.Outcome{{State: sync.StateUnsent}}, outcomes)
	_, err = kind.Test(ctx, c)
	require.EqualError(t, err, "connect to the database of dwh: context canceled")
}

// What is wrong with an event, or with the settings that another release has stored, is named without values.
func TestRefusedRows(t *testing.T) {
	t.Parallel()
	action := postgres.New(outbound.Loopback()).Actions()[0]
	for data, want := range map[string]string{
		`{"connection": "dwh", "table": "t", "key": ["id"], "row": {"id": 1, "": 2}}`: `field "row" of the data: want names of columns`,
		`{"connection": "dwh", "table": "t", "key": ["id"], "row": {}}`: `field "row" of the data: want an object with the values of ` +
			`the columns, of at most 262144 bytes; field "key" of the data: want columns, all of which the row has`,
		`{"connection": "hunter2/x", "table": "a.b.c", "key": ["id"], "newest": "id", "row": {"id": 1}}`: `field "connection" of the data: ` +
			`want the name of a connection; field "table" of the data: want the name of a table, with or without a schema; ` +
			`field "newest" of the data: want a column that the row has and the key has not`,
	} {
		_, err := action.Marshal(t.Context(), nil, event(data))
		require.EqualError(t, err, want, data)
	}
	old := destinationtest.Opener{Name: "dwh", Kind: "postgres", Settings: json.RawMessage(`{"host": "hunter2,b", "database": "d", "user": "u"}`)}
	then := deliver(t, old, `{"connection": "dwh", "table": "t", "key": ["id"], "row": {"id": 1}}`)[0]
	require.EqualError(t, then.Error, `settings of the connection dwh: setting "host": want the name or the address of one host`)
	require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(then.Error))
	require.False(t, then.ForceDiscard)
}
