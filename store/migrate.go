package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/sluicehq/sluice/internal/migration"
)

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
	return migration.New("store", goose.DialectPostgres, stdlib.OpenDBFromPool(s.pool), files,
		goose.WithSessionLocker(locker))
}

// Migrate brings the store's schema up to date.
func (s *Store) Migrate(ctx context.Context) error { return migration.Up(ctx, s.Migrations) }
