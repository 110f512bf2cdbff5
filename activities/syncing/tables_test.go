package syncing_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/clickhouse"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/outbound"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync/mailchimp"
	"github.com/sluicehq/sluice/sync/ometria"
)

// tables lets the bundle's syncs use tables of the store's database, too.
func (b *bundle) tables(t *testing.T) {
	t.Helper()
	u, err := url.Parse(b.sql.Config().ConnString())
	require.NoError(t, err)
	address, err := net.ResolveTCPAddr("tcp", u.Host)
	require.NoError(t, err)
	password, _ := u.User.Password()
	b.opener["pg"] = connections.Connection{
		Name: "pg", Kind: "postgres", Secrets: map[string]string{"password": password},
		Settings: json.RawMessage(fmt.Sprintf(`{"host":%q,"port":%d,"database":%q,"user":%q,"tls":"none"}`, address.IP.String(),
			address.Port, u.Path[1:], u.User.Username())),
	}
	warehouse, err := url.Parse(enginetest.WarehouseDSN(t))
	require.NoError(t, err)
	b.opener["ch"] = connections.Connection{Name: "ch", Kind: "clickhouse", Settings: json.RawMessage(fmt.Sprintf(
		`{"url":"http://%s","database":%q,"user":"default"}`, warehouse.Host, strings.TrimPrefix(warehouse.Path, "/")))}
	b.warehouse = warehouse.String()
	kinds := connections.NewRegistry(mailchimp.Kind{Guard: outbound.Loopback()}, ometria.Kind{Guard: outbound.Loopback()},
		postgres.Kind{Guard: outbound.Loopback()}, clickhouse.Kind{Guard: outbound.Loopback()})
	require.Equal(t, []syncacts.Pair{
		{From: "clickhouse", To: "clickhouse"},
		{From: "clickhouse", To: "ometria"},
		{From: "clickhouse", To: "postgres"},
		{From: "mailchimp", To: "clickhouse"},
		{From: "mailchimp", To: "ometria"},
		{From: "mailchimp", To: "postgres"},
		{From: "postgres", To: "clickhouse"},
		{From: "postgres", To: "ometria"},
		{From: "postgres", To: "postgres"},
	}, syncacts.Pairs(kinds))
	b.Systems = &syncacts.Systems{
		Kinds: kinds, Connections: b.opener, Budgets: syncacts.NewBudgets(b.rows, "tables", slog.New(slog.DiscardHandler)),
	}
}

// replace replaces the sync news.
func (b *bundle) replace(t *testing.T, n syncstore.NewSync) {
	t.Helper()
	require.NoError(t, b.rows.Delete(t.Context(), "news"))
	n.Name, n.Every = "news", time.Hour
	_, err := b.rows.Create(t.Context(), n)
	require.NoError(t, err)
}

// Rows of a table are delivered to another one: a full load, an update, a rejected row and its retry.
func TestTableToTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tables(t)
	b.exec(t, `CREATE TABLE people (id bigint PRIMARY KEY, name text, changed timestamptz);
		CREATE TABLE copies (id bigint PRIMARY KEY, label varchar(20));
		INSERT INTO people SELECT i, 'name ' || i, '2026-01-02 11:00Z' FROM generate_series(1, 250) i;
		UPDATE people SET name = repeat('x', 30) WHERE id = 77`)
	b.replace(t, syncstore.NewSync{
		FromKind: "postgres", FromConnection: "pg", ListID: "public.people", ToKind: "postgres", ToConnection: "pg",
		Settings: json.RawMessage(`{"key_column":"id","cursor_column":"changed","target_table":"copies","target_key":["id"],
			"mapping":{"id":"data.id","label":"data.name"}}`),
	})
	progress := b.cycle(t)
	require.Equal(t, []int64{250, 249, 1}, []int64{progress.Read, progress.Delivered, progress.Rejected})
	copies := func(where string) (n int) {
		require.NoError(t, b.sql.QueryRow(t.Context(), "SELECT count(*) FROM copies WHERE "+where).Scan(&n))
		return n
	}
	require.Equal(t, 249, copies("label = 'name ' || id"))
	b.exec(t, "UPDATE people SET name = 'short' WHERE id = 77; UPDATE people SET name = 'new', changed = '2026-01-02 12:30Z' WHERE id < 4")
	_, err := b.rows.RequestRetries(t.Context(), "news", nil)
	require.NoError(t, err)
	b.clock = now.Add(time.Hour)
	progress = b.cycle(t)
	require.EqualValues(t, 3, progress.Read)
	require.Equal(t, 3, copies("label = 'new'"))
	require.Equal(t, 1, copies("label = 'short'"))
	rejects, err := b.rows.CountRejects(t.Context(), "news")
	require.NoError(t, err)
	require.Zero(t, rejects)
}

// Members of a list are rows of a table, as they are; rows become contacts by a mapping, and opt-in rules hold.
func TestTablesAndLists(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tables(t)
	_, err := b.sql.Exec(t.Context(), `CREATE TABLE members (id text PRIMARY KEY, email_address text, status text, merge_fields jsonb,
		unique_email_id text, contact_id text, timestamp_signup text, timestamp_opt text, last_changed timestamptz, language text,
		vip boolean, tags jsonb, tags_count integer)`)
	require.NoError(t, err)
	b.fill(0, 120, now.Add(-time.Hour))
	b.replace(t, syncstore.NewSync{
		FromKind: "mailchimp", FromConnection: "mc", ListID: fakemailchimp.List, ToKind: "postgres", ToConnection: "pg",
		Settings: json.RawMessage(`{"target_table":"members","target_key":["id"]}`),
	})
	require.EqualValues(t, 120, b.cycle(t).Delivered)
	b.replace(t, syncstore.NewSync{
		FromKind: "postgres", FromConnection: "pg", ListID: "members", ToKind: "ometria", ToConnection: "om",
		Settings: json.RawMessage(`{"key_column":"id"}`),
	})
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	_, err = b.Pages(t.Context(), syncacts.RunRef{Sync: "news", RunID: begun.RunID})
	require.ErrorContains(t, err, "mapping: want one of the records of postgres")
	b.set(t, `{"key_column":"id","mapping":{"@type":"\"contact\"","id":"data.id","email":"data.email_address",
		"marketing_optin":"data.vip ? \"EXPLICITLY_OPTEDIN\" : nil"}}`)
	_, err = b.sql.Exec(t.Context(), "UPDATE members SET vip = true, status = 'unknown' WHERE id < '2'")
	require.NoError(t, err)
	progress, err := b.Pages(t.Context(), syncacts.RunRef{Sync: "news", RunID: begun.RunID})
	require.NoError(t, err)
	require.True(t, progress.Done)
	require.Positive(t, progress.Rejected, "an opt-in without a subscription")
	require.Len(t, b.ometria.Records(), int(progress.Delivered))
}

// Members of a list, and rows of a table, are rows in ClickHouse, which is read again: an update replaces rows, and the
// deletion of a member becomes its status.
func TestClickHouseTables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tables(t)
	enginetest.ExecClickHouse(t, b.warehouse, `CREATE TABLE members (id String, email_address String, status String,
		merge_fields String, unique_email_id String, changed DateTime64(3)) ENGINE = ReplacingMergeTree ORDER BY id`)
	b.fill(0, 120, now.Add(-time.Hour))
	b.replace(t, syncstore.NewSync{
		FromKind: "mailchimp", FromConnection: "mc", ListID: fakemailchimp.List, ToKind: "clickhouse", ToConnection: "ch",
		Settings: json.RawMessage(`{"target_table":"members","target_key":["id"],"mapping":{"id":"data.id",
			"email_address":"data.email_address","status":"data.status","unique_email_id":"data.unique_email_id",
			"merge_fields":"data.merge_fields == nil ? nil : toJSON(data.merge_fields)","changed":"data.last_changed"}}`),
	})
	require.EqualValues(t, 120, b.cycle(t).Delivered)
	b.mailchimp.Delete(email(3))
	for day := 1; day <= 2; day++ {
		b.clock = time.Now().Add(time.Duration(day) * 25 * time.Hour)
		b.cycle(t)
	}
	b.replace(t, syncstore.NewSync{
		FromKind: "clickhouse", FromConnection: "ch", ListID: "members", ToKind: "postgres", ToConnection: "pg",
		Settings: json.RawMessage(`{"key_column":"id","cursor_column":"changed","target_table":"members","target_key":["id"]}`),
	})
	_, err := b.sql.Exec(t.Context(), `CREATE TABLE members (id text PRIMARY KEY, email_address text, status text, merge_fields text,
		unique_email_id text, changed timestamptz)`)
	require.NoError(t, err)
	require.EqualValues(t, 120, b.cycle(t).Delivered)
	var deleted, subscribed int
	require.NoError(t, b.sql.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE status = 'deleted'),
		count(*) FILTER (WHERE status = 'subscribed' AND email_address LIKE 'member-%@example.com') FROM members`).
		Scan(&deleted, &subscribed))
	require.Equal(t, []int{1, 119}, []int{deleted, subscribed})
}
