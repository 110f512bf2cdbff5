package syncing_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/mailchimp"
	"github.com/sluicehq/sluice/sync/ometria"
)

// sets returns the number of sets of IDs that pages have, and of scans.
func (b *bundle) sets(t *testing.T) (pages, scans int) {
	t.Helper()
	require.NoError(t, b.sql.QueryRow(t.Context(),
		"SELECT (SELECT count(*) FROM sync_pages WHERE ids IS NOT NULL), (SELECT count(*) FROM sync_known)").Scan(&pages, &scans))
	return pages, scans
}

// optedOut returns the contacts that are opted out.
func (b *bundle) optedOut() (all []map[string]any) {
	for _, r := range b.ometria.Records() {
		if r["marketing_optin"] == "EXPLICITLY_OPTEDOUT" {
			all = append(all, r)
		}
	}
	return all
}

// A row that was deleted from a table is opted out by the second scan, whatever the mapping makes of it, and none if too
// many are missing.
func TestTableDeletions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tables(t)
	b.exec(t, `CREATE TABLE people (id bigint PRIMARY KEY, email text, status text, at timestamptz);
		INSERT INTO people SELECT i, 'person-' || i || '@example.com', 'subscribed', '2026-01-02 11:00Z' FROM generate_series(1, 100) i`)
	b.replace(t, syncstore.NewSync{
		FromKind: "postgres", FromConnection: "pg", ListID: "people", ToKind: "ometria", ToConnection: "om",
		Settings: json.RawMessage(`{"key_column":"id","cursor_column":"at","mapping":{"@type":"\"contact\"",
			"id":"string(data.id)","email":"data.email","timestamp_subscribed":"data.at",
			"marketing_optin":"data.status == \"subscribed\" ? \"EXPLICITLY_OPTEDIN\" : nil"}}`),
	})
	require.EqualValues(t, 100, b.cycle(t).Delivered)
	b.exec(t, "DELETE FROM people WHERE id IN (7, 8)")
	scan := func(day int) syncstore.Known {
		b.clock = time.Now().Add(time.Duration(day) * 25 * time.Hour)
		b.cycle(t)
		known, ok, err := b.rows.LastScan(t.Context(), "news")
		require.NoError(t, err)
		require.True(t, ok)
		return known
	}
	require.Equal(t, []int64{2, 0}, []int64{scan(1).MissingCount, int64(len(b.optedOut()))})
	require.EqualValues(t, 2, scan(2).Deleted)
	out := b.optedOut()
	require.Len(t, out, 2)
	require.ElementsMatch(t, []any{"7", "8"}, []any{out[0]["id"], out[1]["id"]})
	require.NotEmpty(t, out[0]["timestamp_unsubscribed"])
	b.exec(t, "TRUNCATE people")
	for day := 3; day <= 4; day++ {
		require.True(t, scan(day).Exceeded)
	}
	require.Len(t, b.optedOut(), 2, "it may be the scan that is wrong")
}

// A sync that ignores deletions keeps no IDs for a scan, and those that a search may need for as long as that.
func TestIgnoredDeletions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 120, now.Add(-time.Hour))
	b.clock = time.Now().Add(25 * time.Hour)
	b.cycle(t)
	pages, scans := b.sets(t)
	require.Positive(t, pages)
	require.Equal(t, 1, scans)
	b.set(t, `{"items_per_request":50,"deletions":"ignore"}`)
	b.clock = b.clock.Add(time.Hour)
	b.fill(0, 60, b.clock.Add(-30*time.Minute))
	b.cycle(t)
	later, scans := b.sets(t)
	require.Zero(t, scans)
	require.Equal(t, pages+2, later, "without the sets that precede pages")
	var left int
	require.NoError(t, b.sql.QueryRow(t.Context(),
		"SELECT count(*) FROM sync_pages WHERE ids IS NOT NULL AND NOT taken_over").Scan(&left))
	require.Zero(t, left, "no scan will take them over: their runs could not be deleted")
	_, err := b.sql.Exec(t.Context(), "UPDATE sync_pages SET stored_at = now() - interval '8 days'")
	require.NoError(t, err)
	b.clock = b.clock.Add(time.Hour)
	b.cycle(t)
	later, _ = b.sets(t)
	require.Zero(t, later)
}

// Pages of a target that validates at once have no IDs if deletions are ignored, which is the default between tables.
func TestNoIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tables(t)
	_, err := b.sql.Exec(t.Context(), `CREATE TABLE people (id bigint PRIMARY KEY); CREATE TABLE copies (id bigint PRIMARY KEY);
		INSERT INTO people SELECT generate_series(1, 150)`)
	require.NoError(t, err)
	b.replace(t, syncstore.NewSync{
		FromKind: "postgres", FromConnection: "pg", ListID: "people", ToKind: "postgres", ToConnection: "pg",
		Settings: json.RawMessage(`{"key_column":"id","target_table":"copies","target_key":["id"]}`),
	})
	require.EqualValues(t, 150, b.cycle(t).Delivered)
	pages, scans := b.sets(t)
	require.Equal(t, []int{0, 0}, []int{pages, scans})
}

// blind is a kind whose readers do not find deletions.
type blind struct{ mailchimp.Kind }

func (blind) Name() string         { return "blind" }
func (blind) FindsDeletions() bool { return false }

// Deletions that cannot be found, or would become nothing, are refused with what would be right.
func TestRefusedDeletions(t *testing.T) {
	t.Parallel()
	kinds := connections.NewRegistry(blind{mailchimp.Kind{}}, ometria.Kind{})
	pair := syncacts.Pair{From: "blind", To: "ometria"}
	require.NoError(t, syncacts.CheckPair(kinds, pair, sync.Settings{}))
	require.NoError(t, syncacts.CheckPair(kinds, pair, sync.Settings{Deletions: sync.DeletionsIgnore}))
	require.ErrorContains(t, syncacts.CheckPair(kinds, pair, sync.Settings{Deletions: sync.DeletionsOptOut}),
		"deletions optout: connections of kind blind cannot list the IDs of their records, which finds deletions: want ignore")
	require.ErrorContains(t, sync.Settings{
		Deletions: sync.DeletionsOptOut, KeyColumn: "id", TargetTable: "copies", TargetKey: []string{"id"},
	}.Validate(), "deletions optout: want a mapping, which says what a deleted row becomes in the table")
}

// A scan that is interrupted leaves no records behind that count: the next attempt has the same result.
func TestScanAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 120, now.Add(-time.Hour))
	b.clock = time.Now().Add(25 * time.Hour)
	b.cycle(t)
	for i := range 3 {
		b.mailchimp.Delete(email(i))
	}
	b.clock = b.clock.Add(25 * time.Hour)
	b.exec(t, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'killed'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON sync_known FOR EACH ROW EXECUTE FUNCTION refuse()`)
	ref := syncacts.RunRef{Sync: "news", RunID: 1}
	for range 2 {
		_, err := b.Scan(t.Context(), ref)
		require.ErrorContains(t, err, "killed")
	}
	b.exec(t, "DROP TRIGGER refuse ON sync_known")
	for _, want := range []syncacts.Scanned{{Found: 117, Missing: 3}, {Found: 117, Missing: 3, Deleted: 3}} {
		scanned, err := b.Scan(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, want, scanned)
		b.clock = b.clock.Add(25 * time.Hour)
	}
	require.Len(t, b.optedOut(), 3)
	var scans int
	require.NoError(t, b.sql.QueryRow(t.Context(), "SELECT count(DISTINCT scan) FROM sync_known_parts").Scan(&scans))
	require.Equal(t, 1, scans)
}

// What is known of a list and cannot be read fails the scan, with what to do; doing it lets scans succeed again.
func TestDamagedKnown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 120, now.Add(-time.Hour))
	b.clock = time.Now().Add(25 * time.Hour)
	b.cycle(t)
	ref := syncacts.RunRef{Sync: "news", RunID: 1}
	for _, damage := range []string{
		`UPDATE sync_known_parts SET records = 'sorted binary ids'`, `DELETE FROM sync_known_parts`,
	} {
		b.exec(t, damage)
		b.clock = b.clock.Add(25 * time.Hour)
		_, err := b.Scan(t.Context(), ref)
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.True(t, app.NonRetryable())
		require.Contains(t, app.Message(), "what is known of sync news is damaged")
		require.Contains(t, app.Message(), "`sluice sync set news deletions=ignore` and a run remove it")
	}
	b.set(t, `{"deletions":"ignore"}`)
	skipped, err := b.Scan(t.Context(), ref)
	require.NoError(t, err)
	require.True(t, skipped.Skipped)
	b.set(t, `{}`)
	scanned, err := b.Scan(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, syncacts.Scanned{Found: 120}, scanned)
}
