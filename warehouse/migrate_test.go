package warehouse_test

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/migration/migrationtest"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func TestMigrations(t *testing.T) {
	t.Parallel()
	migrationtest.Run(t, migrationtest.Config{
		Name: "warehouse",
		DSN:  func(t *testing.T) string { t.Helper(); return enginetest.WarehouseDSN(t) },
		Open: func(t *testing.T, dsn string) migrationtest.Database {
			t.Helper()
			return open(t, warehouse.Config{DSN: dsn})
		},
	})
}

// A server that does not answer is the error, not what its driver makes of it.
func TestMigrationsWithoutServer(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "clickhouse"} {
		m, err := open(t, warehouse.Config{DSN: scheme + "://u:p@127.0.0.1:1/db"}).Migrations()
		require.NoError(t, err)
		_, err = m.Status(t.Context())
		require.ErrorContains(t, err, "read the schema version of the warehouse: ")
		require.ErrorContains(t, err, "connection refused")
		require.NotContains(t, err.Error(), "already closed")
		_, err = m.Pending(t.Context())
		require.ErrorContains(t, err, "connection refused")
		require.NoError(t, m.Close())
	}
}

func TestMigrationsAreAppendOnly(t *testing.T) {
	t.Parallel()
	migrationtest.AppendOnly(t, os.DirFS("migrations"), "testdata/migrations.sha256")
}

func TestNewerDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.sql.Exec(b.ctx,
		"INSERT INTO goose_db_version (version_id, is_applied, date, tstamp) SELECT 99999, 1, today(), now()"))
	require.EqualError(t, b.Migrate(b.ctx), "the warehouse has schema version 99999, this program supports up to 104: "+
		"use the version of the program that migrated it, or a newer one")
}

// A database of a commit before the first release is refused and not changed.
func TestOlderDatabase(t *testing.T) {
	t.Parallel()
	ctx, dsn := enginetest.Context(t), enginetest.WarehouseDSN(t)
	recorded, err := os.ReadFile("testdata/older.sql")
	require.NoError(t, err)
	conn := connect(t, dsn)
	for statement := range strings.SplitSeq(strings.TrimSpace(string(recorded)), ";\n") {
		require.NoError(t, conn.Exec(ctx, statement))
	}
	server, err := url.Parse(dsn)
	require.NoError(t, err)
	require.EqualError(t, open(t, warehouse.Config{DSN: dsn}).Migrate(ctx), fmt.Sprintf(
		"the warehouse (database %q at %s) has schema version 2, which was never released and cannot be migrated: "+
			"drop the database, which deletes its data, create it again, then run `sluice migrate up`",
		strings.TrimPrefix(server.Path, "/"), server.Host))
	tables := uint64(0)
	require.NoError(t, conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase()").Scan(&tables))
	require.EqualValues(t, 1, tables)
}

// What the migrations make is what importers fill: every column with its kind, in
// order, behind the columns that the loader adds.
func TestTablesMatchSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, table := range schema.Imported() {
		want := []string{"site_id|UInt64", "import_id|UInt64", "part|UInt32", "chunk|UInt32"}
		for _, c := range table.Columns {
			want = append(want, c.Name+"|"+c.Kind.String())
		}
		got := b.lines(t, `SELECT name, replaceRegexpOne(type, '^LowCardinality\\((.*)\\)$', '\\1') FROM system.columns
			WHERE database = currentDatabase() AND table = '`+table.Name+`' ORDER BY position`)
		require.Equal(t, want, got, table.Name)
	}
}

// Purges, counts and views look for a site and an import, reports for days: the sort
// keys lead with them. Repeated inserts are recognised in all tables but the one
// that takes each row as a new version.
func TestTableEngines(t *testing.T) {
	t.Parallel()
	b := setup(t)
	window := regexp.MustCompile(`non_replicated_deduplication_window = 10000\b`)
	for _, table := range append(schema.Names(), "import_rejects") {
		lines := b.lines(t, fmt.Sprintf(`SELECT engine, sorting_key, create_table_query FROM system.tables
			WHERE database = currentDatabase() AND name = '%s'`, table))
		require.Len(t, lines, 1)
		engine, rest, _ := strings.Cut(lines[0], "|")
		sortKey, statement, _ := strings.Cut(rest, "|")
		require.Equal(t, "MergeTree", engine, table)
		lead := "site_id, import_id, date"
		if table == "import_rejects" {
			lead = "site_id, import_id, part"
		}
		require.True(t, strings.HasPrefix(sortKey, lead), "%s: %s", table, sortKey)
		require.Regexp(t, window, statement, table)
	}
	require.Equal(t, []string{"ReplacingMergeTree|site_id, import_id"}, b.lines(t, `SELECT engine, sorting_key FROM system.tables
		WHERE database = currentDatabase() AND name = 'import_visibility'`))
}
