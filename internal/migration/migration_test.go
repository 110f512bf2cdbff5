package migration_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/fstest"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/migration"
)

func open(t *testing.T, files fstest.MapFS) (*migration.Migrator, *sql.DB, error) {
	t.Helper()
	db, err := sql.Open("pgx", enginetest.StoreDSN(t))
	require.NoError(t, err)
	m, err := migration.New(migration.Database{Name: "store", Place: "here"}, goose.DialectPostgres, db, files)
	return m, db, err
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)} }

// Files that cannot be read are a fault at once, and leave no connection behind.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fstest.MapFS{
		"none":          {},
		"number twice":  {"00001_a.sql": file("SELECT 1;"), "001_b.sql": file("SELECT 1;")},
		"without a one": {"a.sql": file("SELECT 1;")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, db, err := open(t, files)
			require.ErrorContains(t, err, "read the migrations of the store: ")
			require.ErrorContains(t, db.PingContext(t.Context()), "closed")
		})
	}
}

// A migration that fails leaves the ones before it applied, and is tried again.
func TestFailingMigration(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"00001_good.sql": file("CREATE TABLE good (n int);"),
		"00002_bad.sql":  file("CREATE TABLE bad (n int); SELECT nonsense;"),
		"00003_last.sql": file("CREATE TABLE last (n int);"),
	}
	m, db, err := open(t, files)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = m.Up(ctx)
	require.ErrorContains(t, err, "migrate the store: ")
	require.ErrorContains(t, err, "nonsense")
	status, err := m.Status(ctx)
	require.NoError(t, err)
	require.Len(t, status, 3)
	require.Equal(t, "00001_good.sql", status[0].Name)
	require.NotZero(t, status[0].AppliedAt)
	require.Zero(t, status[1].AppliedAt)
	require.Zero(t, status[2].AppliedAt)
	_, err = db.ExecContext(ctx, "SELECT * FROM bad")
	require.Error(t, err, "all of a migration or nothing")
	require.NoError(t, m.Close())
}

func TestUp(t *testing.T) {
	t.Parallel()
	errOpen := errors.New("no database")
	require.ErrorIs(t, migration.Up(t.Context(), func() (*migration.Migrator, error) { return nil, errOpen }), errOpen)
	m, db, err := open(t, fstest.MapFS{"00001_good.sql": file("CREATE TABLE good (n int);")})
	require.NoError(t, err)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, migration.Up(gone, func() (*migration.Migrator, error) { return m, nil }), context.Canceled)
	require.ErrorContains(t, db.PingContext(t.Context()), "closed", "it closes what it opened")
	for what, err := range map[string]error{"pending": second(m.Pending(t.Context())), "status": second(m.Status(t.Context()))} {
		require.ErrorContains(t, err, "of the store: ", what)
	}
}

// A schema version of no migration is refused, and nothing is changed.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		version int64
		older   bool
		want    string
	}{
		"older than the first": {99, true, "the store (here) has schema version 99, which was never released and cannot be migrated: " +
			"drop the database, which deletes its data, create it again, then run `sluice migrate up`"},
		"between two": {101, true, "the store (here) has schema version 101, which was never released and cannot be migrated: " +
			"drop the database, which deletes its data, create it again, then run `sluice migrate up`"},
		"newer": {103, false, "the store has schema version 103, this program supports up to 102: " +
			"use the version of the program that migrated it, or a newer one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, db, err := open(t, fstest.MapFS{
				"00100_first.sql": file("CREATE TABLE first (n int);"), "00102_second.sql": file("CREATE TABLE second (n int);"),
			})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, m.Close()) })
			_, err = m.Status(t.Context()) // adds goose's table
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)", tc.version)
			require.NoError(t, err)
			for what, err := range map[string]error{
				"up": second(m.Up(t.Context())), "pending": second(m.Pending(t.Context())), "status": second(m.Status(t.Context())),
			} {
				require.EqualError(t, err, tc.want, what)
				var unsupported *migration.UnsupportedError
				require.ErrorAs(t, err, &unsupported)
				require.Equal(t, tc.older, unsupported.Older())
			}
			_, err = db.ExecContext(t.Context(), "SELECT * FROM first")
			require.Error(t, err, "nothing is migrated")
		})
	}
}

func second[T any](_ T, err error) error { return err }
