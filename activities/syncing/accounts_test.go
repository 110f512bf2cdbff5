package syncing_test

import (
	"context"
	"log/slog"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// A connection and a state file, in two processes, share the budgets of the keys that both have, whatever their names.
func TestSameKeySharesBudget(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 1500, now.Add(-time.Hour))
	mc, om := b.opener["mc"], b.opener["om"]
	mc.Settings = []byte(strings.Replace(string(mc.Settings), "{", `{"connections":1,`, 1))
	theirs, file := opener{"mc": mc, "om": om}, opener{}
	mc.Name, om.Name = "MAILCHIMP_APIKEY", "OMETRIA_APIKEY"
	file[mc.Name], file[om.Name] = mc, om
	log := slog.New(slog.DiscardHandler)
	both := []*syncacts.Syncs{{}, {}}
	for i, opens := range []opener{theirs, file} {
		*both[i] = *b.Syncs
		both[i].Systems = &syncacts.Systems{
			Kinds: b.Systems.Kinds, Connections: opens, Budgets: syncacts.NewBudgets(b.rows, []string{"worker", "watch"}[i], log),
		}
	}
	_, err := b.rows.Create(t.Context(), syncstore.NewSync{
		Name: "filed", FromKind: "mailchimp", FromConnection: mc.Name, ListID: fakemailchimp.List, ToKind: "ometria",
		ToConnection: om.Name, Every: time.Hour, Settings: []byte(`{"items_per_request":50}`),
	})
	require.NoError(t, err)
	var all stdsync.WaitGroup
	errs := make([]error, 2)
	for i, name := range []string{"news", "filed"} {
		begun, err := both[i].Begin(t.Context(), syncacts.BeginRequest{Sync: name})
		require.NoError(t, err)
		all.Go(func() {
			_, errs[i] = both[i].Pages(t.Context(), syncacts.RunRef{Sync: name, RunID: begun.RunID})
		})
	}
	all.Wait()
	require.Equal(t, []error{nil, nil}, errs)
	require.Equal(t, 1, b.mailchimp.Peak(), "connections of both together")
	for table, kind := range map[string]string{"sync_slots": "mailchimp:", "sync_rates": "ometria:"} {
		rows, err := b.sql.Query(t.Context(), "SELECT DISTINCT account FROM "+table)
		require.NoError(t, err)
		var accounts []string
		for rows.Next() {
			var account string
			require.NoError(t, rows.Scan(&account))
			accounts = append(accounts, account)
		}
		require.NoError(t, rows.Err())
		require.Len(t, accounts, 1, "one budget for both in "+table)
		require.True(t, strings.HasPrefix(accounts[0], kind), accounts[0])
		require.NotContains(t, accounts[0], fakemailchimp.Key)
		require.NotContains(t, accounts[0], fakeometria.Key)
	}
}

// An account has one name in all processes of an installation, and another one in each other installation.
func TestAccountNames(t *testing.T) {
	t.Parallel()
	b, other := setup(t), setup(t)
	// Stores of tests are copies of one.
	_, err := other.sql.Exec(t.Context(), "UPDATE sync_account_key SET key = sha256(key)")
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	name := func(b *bundle, parts ...string) string {
		budgets := syncacts.NewBudgets(b.rows, "any", log)
		require.NoError(t, budgets.Load(t.Context()))
		require.NoError(t, budgets.Load(t.Context()), "it may be repeated")
		return budgets.Account("mailchimp", parts...)
	}
	first := name(b, "", "key-us1")
	require.Equal(t, first, name(b, "", "key-us1"))
	require.Regexp(t, "^mailchimp:[0-9a-f]{32}$", first)
	for _, different := range []string{
		name(b, "", "key-us2"), name(b, "key-us1", ""), name(b, "k", "ey-us1"), name(other, "", "key-us1"),
	} {
		require.NotEqual(t, name(b, "", "key-us1"), different)
	}
	require.Panics(t, func() { syncacts.NewBudgets(b.rows, "any", log).Account("mailchimp", "key") })
}

// faulty fails to open every connection.
type faulty struct{ err error }

func (f faulty) Open(context.Context, string) (connections.Connection, error) {
	return connections.Connection{}, f.err
}

// A connection that no attempt can open does not prevent the run, which records why: the history of the sync has it.
func TestConnectionThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, fault := range []error{
		connections.ErrNotFound, connections.ErrNoKeyset, connections.ErrUnknownKey, connections.ErrSealBroken,
	} {
		b.Systems.Connections = faulty{fault}
		begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
		require.NoError(t, err)
		_, err = b.Pages(t.Context(), syncacts.RunRef{Sync: "news", RunID: begun.RunID})
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.True(t, app.NonRetryable())
		_, err = b.End(t.Context(), syncacts.EndRequest{RunID: begun.RunID, Error: app.Message(), Class: app.Type()})
		require.NoError(t, err)
		runs, err := b.rows.History(t.Context(), "news", syncstore.RunFilter{}, 0, 1)
		require.NoError(t, err)
		require.Contains(t, runs[0].Error, fault.Error())
	}
	b.Systems.Connections = faulty{context.DeadlineExceeded}
	_, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.Error(t, err, "another attempt may open it")
}
