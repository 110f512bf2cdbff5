package store_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/migration/migrationtest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/store/importing"
)

func open(t *testing.T, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(enginetest.Context(t), store.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	migrationtest.Run(t, migrationtest.Config{
		Name: "store",
		DSN:  func(t *testing.T) string { t.Helper(); return enginetest.StoreDSN(t) },
		Open: func(t *testing.T, dsn string) migrationtest.Database { t.Helper(); return open(t, dsn) },
	})
}

func TestMigrationsAreAppendOnly(t *testing.T) {
	t.Parallel()
	migrationtest.AppendOnly(t, os.DirFS("migrations"), "testdata/migrations.sha256")
}

// A database with newer migrations is not changed.
func TestNewerDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	require.Regexp(t, `^the store has schema version 99999, this program supports up to \d+: `+
		`use the version of the program that migrated it, or a newer one$`, b.Migrate(b.ctx).Error())
	m, err := b.Migrations()
	require.NoError(t, err)
	_, err = m.Pending(b.ctx)
	require.ErrorContains(t, err, "schema version 99999")
	require.NoError(t, m.Close())
}

// A database of a commit before the first release is refused and not changed.
func TestOlderDatabase(t *testing.T) {
	t.Parallel()
	ctx, dsn := enginetest.Context(t), enginetest.StoreDSN(t)
	recorded, err := os.ReadFile("testdata/older.sql")
	require.NoError(t, err)
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, string(recorded))
	require.NoError(t, err)
	server := conn.Config()
	require.EqualError(t, open(t, dsn).Migrate(ctx), fmt.Sprintf(`the store (database %q at %s:%d) has schema version 41, `+
		"which was never released and cannot be migrated: drop the database, which deletes its data, create it again, "+
		"then run `sluice migrate up`", server.Database, server.Host, server.Port))
	tables := 0
	require.NoError(t, conn.QueryRow(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables))
	require.Equal(t, 1, tables)
	require.NoError(t, conn.Close(ctx))
}

// What the migrations make is what the generated code reads: sqlc reads the same
// files, but by a parser of its own.
func TestModelsMatchMigrations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for table, model := range map[string]any{
		"sites": importing.Site{}, "imports": importing.Import{}, "parts": importing.Part{}, "chunks": importing.Chunk{}, "feedback": importing.Feedback{},
		"connections": store.Connection{}, "events": delivery.Event{}, "jobs": delivery.Job{}, "transitions": delivery.Transition{},
		"schedules": importing.Schedule{},
	} {
		rows, err := b.sql.Query(b.ctx, `SELECT column_name, is_nullable FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position`, table)
		require.NoError(t, err)
		kind := reflect.TypeOf(model)
		i := 0
		for ; rows.Next(); i++ {
			var column, nullable string
			require.NoError(t, rows.Scan(&column, &nullable))
			require.Less(t, i, kind.NumField(), "%s.%s is not in the model", table, column)
			field := kind.Field(i)
			require.Equal(t, strings.ReplaceAll(column, "_", ""), strings.ToLower(field.Name), "the order is that of SELECT *")
			require.Equal(t, nullable == "YES", field.Type.Kind() == reflect.Pointer, "%s.%s", table, column)
		}
		require.NoError(t, rows.Err())
		require.Equal(t, kind.NumField(), i, "%s lacks columns", table)
	}
}
