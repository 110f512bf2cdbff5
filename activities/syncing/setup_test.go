package syncing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/outbound"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync/mailchimp"
	"github.com/sluicehq/sluice/sync/ometria"
)

// now is the time of the first runs.
var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// opener opens the connections of the test.
type opener map[string]connections.Connection

func (o opener) Open(_ context.Context, name string) (connections.Connection, error) {
	if c, ok := o[name]; ok {
		return c, nil
	}
	return connections.Connection{}, connections.ErrNotFound
}

// bundle is the activities of the sync news, from a fake to a fake.
type bundle struct {
	*syncacts.Syncs
	rows      *syncstore.Store
	sql       *pgx.Conn
	mailchimp *fakemailchimp.Server
	ometria   *fakeometria.Server
	opener    opener
	// warehouse is the DSN of the ClickHouse of tables.
	warehouse string
	clock     time.Time
}

// exec runs statements in the store's database.
func (b *bundle) exec(t *testing.T, statements string) {
	t.Helper()
	_, err := b.sql.Exec(t.Context(), statements)
	require.NoError(t, err)
}

func setup(t *testing.T) *bundle {
	t.Helper()
	ctx := enginetest.Context(t)
	s, sql := enginetest.OpenStore(t)
	b := &bundle{
		rows: syncstore.New(s), sql: sql, mailchimp: fakemailchimp.New(fakemailchimp.Config{}), clock: now,
		ometria: fakeometria.New(fakeometria.Config{Rate: -1, Queue: -1}),
	}
	from, to := httptest.NewServer(b.mailchimp), httptest.NewServer(b.ometria)
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	connection := func(name, kind, url, key, more string) connections.Connection {
		settings := fmt.Sprintf(`{"endpoint":%q%s}`, url, more)
		return connections.Connection{
			Name: name, Kind: kind, Settings: json.RawMessage(settings), Secrets: map[string]string{"api_key": key},
		}
	}
	b.opener = opener{
		"mc": connection("mc", "mailchimp", from.URL+"/3.0", fakemailchimp.Key, ""),
		"om": connection("om", "ometria", to.URL+"/v2", fakeometria.Key, `,"requests_per_second":1000,"validation_seconds":0.001`),
	}
	kinds := connections.NewRegistry(mailchimp.Kind{Guard: outbound.Loopback()}, ometria.Kind{Guard: outbound.Loopback()})
	require.Equal(t, []syncacts.Pair{{From: "mailchimp", To: "ometria"}}, syncacts.Pairs(kinds))
	b.Syncs = &syncacts.Syncs{
		Store: b.rows, Now: func() time.Time { return b.clock },
		Systems: &syncacts.Systems{
			Kinds: kinds, Connections: b.opener, Budgets: syncacts.NewBudgets(b.rows, "test", slog.New(slog.DiscardHandler)),
		},
	}
	_, err := b.rows.Create(ctx, syncstore.NewSync{
		Name: "news", FromKind: "mailchimp", FromConnection: "mc", ListID: fakemailchimp.List, ToKind: "ometria",
		ToConnection: "om", Every: time.Hour, Settings: json.RawMessage(`{"items_per_request":50}`),
	})
	require.NoError(t, err)
	// A scan for deletions is due from the start.
	_, err = b.sql.Exec(ctx, "UPDATE syncs SET created_at = '2020-01-01'")
	require.NoError(t, err)
	return b
}

// fill adds members that changed at a time.
func (b *bundle) fill(from, to int, at time.Time) {
	for i := from; i < to; i++ {
		b.mailchimp.Put(fakemailchimp.Member{
			Email: fmt.Sprintf("member-%d@example.com", i), LastChanged: at, OptedIn: at,
			MergeFields: map[string]any{"FNAME": fmt.Sprint("First ", i)},
		})
	}
}

func (b *bundle) news(t *testing.T) syncstore.Sync {
	t.Helper()
	row, err := b.rows.Sync(t.Context(), "news")
	require.NoError(t, err)
	return row
}

// cycle carries out a run.
func (b *bundle) cycle(t *testing.T) syncacts.Progress {
	t.Helper()
	ctx := t.Context()
	begun, err := b.Begin(ctx, syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	ref := syncacts.RunRef{Sync: "news", RunID: begun.RunID}
	var progress syncacts.Progress
	for !progress.Done {
		progress, err = b.Pages(ctx, ref)
		require.NoError(t, err)
	}
	counted, err := b.Count(ctx, ref)
	require.NoError(t, err)
	_, err = b.Retry(ctx, ref)
	require.NoError(t, err)
	_, err = b.Scan(ctx, ref)
	require.NoError(t, err)
	ended, err := b.End(ctx, syncacts.EndRequest{RunID: begun.RunID, SourceCount: counted.SourceCount})
	require.NoError(t, err)
	return ended
}

// noAddress fails if a text has an e-mail address.
func noAddress(t *testing.T, text string) {
	t.Helper()
	require.NotContains(t, strings.ToLower(text), "@example.com")
}
