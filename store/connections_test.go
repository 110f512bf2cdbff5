package store_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/store/internal/db"
)

func newConnection(name string) store.NewConnection {
	return store.NewConnection{
		Name: name, Kind: "example", Settings: json.RawMessage(`{"a": 1}`), SecretNames: []string{"token"},
		Sealed: []byte{0, 1, 255}, KeyID: 4294967295,
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	added, err := b.AddConnection(b.ctx, newConnection("shop"))
	require.NoError(t, err)
	_, err = b.AddConnection(b.ctx, newConnection("shop"))
	require.ErrorIs(t, err, store.ErrTaken)
	require.EqualError(t, err, "connection shop: taken already")
	got, err := b.Connection(b.ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, added, got)
	require.Equal(t, []byte{0, 1, 255}, got.Sealed)
	_, err = b.Connection(b.ctx, "unknown")
	require.ErrorIs(t, err, store.ErrNotFound)

	got.SecretNames, got.KeyID = []string{}, 7
	replaced, err := b.ReplaceConnection(b.ctx, got)
	require.NoError(t, err)
	require.EqualValues(t, 2, replaced.Version)
	require.Equal(t, []any{int64(7), []string{}}, []any{replaced.KeyID, replaced.SecretNames})
	_, err = b.ReplaceConnection(b.ctx, got)
	require.ErrorIs(t, err, store.ErrConflict, "it is of version 2 by now")
	got.Name = "unknown"
	_, err = b.ReplaceConnection(b.ctx, got)
	require.ErrorIs(t, err, store.ErrNotFound)

	for _, bad := range []func(*store.NewConnection){
		func(n *store.NewConnection) { n.Name = "Shop" },
		func(n *store.NewConnection) { n.Kind = "a-b" },
		func(n *store.NewConnection) { n.Settings = json.RawMessage(`[]`) },
		func(n *store.NewConnection) { n.KeyID = -1 },
	} {
		n := newConnection("bad")
		bad(&n)
		_, err := b.AddConnection(b.ctx, n)
		require.ErrorContains(t, err, "violates check constraint")
	}
}

// While an import that has not ended names a connection, only force removes it.
func TestRemoveConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"shop", "other"} {
		_, err := b.AddConnection(b.ctx, newConnection(name))
		require.NoError(t, err)
	}
	imp := b.create(t, `{"connection": "shop"}`)

	require.NoError(t, b.RemoveConnection(b.ctx, "other", false), "no import names it")
	err := b.RemoveConnection(b.ctx, "shop", false)
	require.ErrorIs(t, err, store.ErrInUse)
	require.EqualError(t, err, fmt.Sprintf("connection shop: import %d is queued: in use", imp.ID))
	b.exec(t, "UPDATE imports SET status = 'completed', phase = 'completed' WHERE id = $1", imp.ID)
	require.NoError(t, b.RemoveConnection(b.ctx, "shop", false))
	require.ErrorIs(t, b.RemoveConnection(b.ctx, "shop", false), store.ErrNotFound)

	_, err = b.AddConnection(b.ctx, newConnection("shop"))
	require.NoError(t, err)
	b.exec(t, "UPDATE imports SET status = 'running', phase = 'loading' WHERE id = $1", imp.ID)
	require.NoError(t, b.RemoveConnection(b.ctx, "shop", true))
	require.ErrorIs(t, b.RemoveConnection(b.ctx, "shop", true), store.ErrNotFound)
}

// Jobs that are still to be delivered and flows in force keep a connection from being removed;
// those that are over, disabled or about others do not.
func TestRemoveConnectionOfDestinations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"shop", "other"} {
		_, err := b.AddConnection(b.ctx, newConnection(name))
		require.NoError(t, err)
	}
	shop, other := json.RawMessage(`{"connection": "shop"}`), json.RawMessage(`{"connection": "other"}`)
	added, err := b.Deliveries.AddEvent(b.ctx, delivery.NewEvent{Source: "s", Jobs: []delivery.NewJob{
		{Destination: "webhook", Action: "post", Data: shop},
		{Destination: "webhook", Action: "post", Data: shop},
		{Destination: "postgres", Action: "upsert", Data: shop},
		{Destination: "webhook", Action: "post", Data: other},
	}})
	require.NoError(t, err)
	b.apply(t,
		"a", `{"to": [{"data": {"text": "'x'"}}, {"data": {"connection": "data.vip ? 'shop' : 'vip'"}}]}`,
		"b", `{"disabled": true, "to": [{"data": {"connection": "'shop'"}}]}`,
		"c", `{"to": [{"data": {"connection": "\"shop\""}}]}`,
		"d", `{"to": [{"data": {"connection": "'shop2'"}}, {"data": {"text": "'shop'"}}, {"data": {"connection": "data.shop"}}]}`)
	refused := func(want string) {
		t.Helper()
		err := b.RemoveConnection(b.ctx, "shop", false)
		require.ErrorIs(t, err, store.ErrInUse)
		require.EqualError(t, err, "connection shop: "+want+": in use")
	}
	refused("1 job of postgres/upsert, 2 jobs of webhook/post to be delivered; named by flow a, c")
	_, err = b.Deliveries.ChangeJobs(b.ctx, delivery.CommandCancel, delivery.JobFilter{IDs: added.Jobs[:2]}, 0, delivery.Order{})
	require.NoError(t, err)
	_, err = b.Deliveries.ChangeJobs(b.ctx, delivery.CommandHold, delivery.JobFilter{IDs: added.Jobs[2:3]}, 0, delivery.Order{})
	require.NoError(t, err)
	refused("1 job of postgres/upsert to be delivered; named by flow a, c")
	_, err = b.Deliveries.ChangeJobs(b.ctx, delivery.CommandCancel, delivery.JobFilter{IDs: added.Jobs[2:3]}, 0, delivery.Order{})
	require.NoError(t, err)
	refused("named by flow a, c")
	b.apply(t)
	require.NoError(t, b.RemoveConnection(b.ctx, "shop", false))
	require.ErrorIs(t, b.RemoveConnection(b.ctx, "other", false), store.ErrInUse)
	require.NoError(t, b.RemoveConnection(b.ctx, "other", true))
}

// Syncs and schedules keep a connection, and what uses it is listed.
func TestConnectionUses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"mc", "shop"} {
		_, err := b.AddConnection(b.ctx, newConnection(name))
		require.NoError(t, err)
	}
	imp := b.create(t, `{"connection": "shop"}`)
	b.exec(t, `INSERT INTO syncs (name, from_kind, from_connection, list_id, to_kind, to_connection, every_seconds, settings, created_by)
		VALUES ('news', 'mailchimp', 'mc', 'l', 'mailchimp', 'mc', 60, '{}', 'ann')`)
	b.exec(t, `INSERT INTO schedules (name, definition)
		VALUES ('nightly', '{"input": {"request": {"args": {"connection": "shop"}}}}'), ('plain', '{}')`)
	b.apply(t, "vip", `{"to": [{"data": {"connection": "'mc'"}}]}`)
	mc := []store.ConnectionUse{{Kind: "sync", Name: "news"}, {Kind: "flow", Name: "vip"}}
	shop := []store.ConnectionUse{{Kind: "import", Name: fmt.Sprint(imp.ID)}, {Kind: "schedule", Name: "nightly"}}
	uses, err := b.ConnectionUses(b.ctx, "")
	require.NoError(t, err)
	require.Equal(t, map[string][]store.ConnectionUse{"mc": mc, "shop": shop}, uses)
	uses, err = b.ConnectionUses(b.ctx, "mc")
	require.NoError(t, err)
	require.Equal(t, map[string][]store.ConnectionUse{"mc": mc}, uses)
	require.EqualError(t, b.RemoveConnection(b.ctx, "mc", false),
		"connection mc: named by sync news; named by flow vip: in use")
	b.exec(t, "UPDATE imports SET status = 'completed', phase = 'completed' WHERE id = $1", imp.ID)
	require.EqualError(t, b.RemoveConnection(b.ctx, "shop", false), "connection shop: named by schedule nightly: in use")
	b.exec(t, "UPDATE schedules SET deleted_at = now()")
	require.NoError(t, b.RemoveConnection(b.ctx, "shop", false))
}

// Where there are too many jobs to look at all of them, that is said.
func TestConnectionOfManyJobs(t *testing.T) {
	t.Parallel()
	counts := func(jobs ...int64) (rows []db.ConnectionJobsRow) {
		for i, n := range jobs {
			rows = append(rows, db.ConnectionJobsRow{Destination: "d", Action: fmt.Sprint(i), Looked: 10, Jobs: n})
		}
		return rows
	}
	require.Empty(t, store.JobsNaming(counts(0, 0), 21))
	require.Equal(t, "too many jobs are to be delivered to know: none of the 20 that were looked at names it",
		store.JobsNaming(counts(0, 0), 20))
	require.Equal(t, "1 job of d/1 to be delivered", store.JobsNaming(counts(0, 1), 21))
	require.Equal(t, "2 jobs of d/0, 1 job of d/1 to be delivered, among the 20 that were looked at",
		store.JobsNaming(counts(2, 1), 20))
}
