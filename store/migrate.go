package store

import (
	"context"
	"embed"
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
	return migration.New(database, goose.DialectPostgres, stdlib.OpenDBFromPool(s.sql.Pool), files,
		goose.WithSessionLocker(locker))
}

// Migrate brings the store's schema up to date.
func (s *Store) Migrate(ctx context.Context) error { return migration.Up(ctx, s.Migrations) }
