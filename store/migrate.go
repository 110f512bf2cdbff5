package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/sluicehq/sluice/internal/migration"
)

// The first migration has number 100: databases with lower schema versions were migrated before it, by
// migrations that no longer exist, and are refused. A change of a migration that is not released gives the
// file the next number, for the same reason.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the migrator of the store. Several processes may migrate at
// once: an advisory lock lets one do the work while the others wait. The caller
// closes it.
func (s *Store) Migrations() (*migration.Migrator, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("make migration lock: %w", err)
	}
	server := s.sql.Pool.Config().ConnConfig
	database := migration.Database{Name: "store", Place: fmt.Sprintf("database %q at %s",
		server.Database, net.JoinHostPort(server.Host, strconv.Itoa(int(server.Port))))}
	m, err := migration.New(database, goose.DialectPostgres, stdlib.OpenDBFromPool(s.sql.Pool), files,
		goose.WithSessionLocker(locker))
	if err == nil {
		m.Require(refuseOldServer)
	}
	return m, err
}

// ErrOldServer is the error of migrations on a PostgreSQL that is too old.
var ErrOldServer = errors.New("this PostgreSQL is too old: want 17 or later")

// oldestServer is the first PostgreSQL that can change the expression of a generated column.
const oldestServer = 170_000

func refuseOldServer(ctx context.Context, db *sql.DB) error {
	var number int
	var version string
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::integer,
		current_setting('server_version')`).Scan(&number, &version)
	if err != nil {
		return err
	}
	return checkServer(number, version)
}

// checkServer refuses a version of PostgreSQL, as a number and as text, that is too old.
func checkServer(number int, version string) error {
	if number < oldestServer {
		return fmt.Errorf("%w: it is %s", ErrOldServer, version)
	}
	return nil
}

// Migrate brings the store's schema up to date.
func (s *Store) Migrate(ctx context.Context) error { return migration.Up(ctx, s.Migrations) }
