// Package migration migrates database schemas with goose. Migrations are forward only, and a
// database with newer migrations than the program is rejected.
package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// Migrator applies the migrations of one database.
type Migrator struct {
	name     string
	db       *sql.DB
	provider *goose.Provider
}

// Status is the state of one migration.
type Status struct {
	// Database is the migrated database: "store" or "warehouse".
	Database string `json:"database"`
	// Version is the migration's number.
	Version int64 `json:"version"`
	// Name is the migration's file.
	Name string `json:"name"`
	// AppliedAt is the time of its application; zero if it is pending.
	AppliedAt time.Time `json:"applied_at,omitzero"`
}

// New returns a migrator, which owns db and closes it.
func New(name string, dialect goose.Dialect, db *sql.DB, files fs.FS, opts ...goose.ProviderOption) (*Migrator, error) {
	provider, err := goose.NewProvider(dialect, db, files, opts...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the migrations of the %s: %w", name, err), db.Close())
	}
	return &Migrator{name: name, db: db, provider: provider}, nil
}

// Up applies every pending migration and returns their number.
func (m *Migrator) Up(ctx context.Context) (int, error) {
	if err := m.refuseNewer(ctx); err != nil {
		return 0, err
	}
	results, err := m.provider.Up(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate the %s: %w", m.name, err)
	}
	return len(results), nil
}

// refuseNewer rejects a database that a newer program has migrated.
func (m *Migrator) refuseNewer(ctx context.Context) error {
	current, newest, err := m.provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version of the %s: %w", m.name, err)
	}
	if current > newest {
		return fmt.Errorf("the %s has schema version %d, this program supports up to %d: "+
			"use the version of the program that migrated it, or a newer one",
			m.name, current, newest)
	}
	return nil
}

// Pending reports whether there are pending migrations.
func (m *Migrator) Pending(ctx context.Context) (bool, error) {
	if err := m.refuseNewer(ctx); err != nil {
		return false, err
	}
	pending, err := m.provider.HasPending(ctx)
	if err != nil {
		return false, fmt.Errorf("read the schema version of the %s: %w", m.name, err)
	}
	return pending, nil
}

// Status lists all migrations in order.
func (m *Migrator) Status(ctx context.Context) ([]Status, error) {
	all, err := m.provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the migrations of the %s: %w", m.name, err)
	}
	list := make([]Status, len(all))
	for i, one := range all {
		list[i] = Status{Database: m.name, Version: one.Source.Version, Name: one.Source.Path, AppliedAt: one.AppliedAt}
	}
	return list, nil
}

// Close closes the database.
func (m *Migrator) Close() error { return m.db.Close() }

// Up opens a migrator, applies pending migrations and closes it.
func Up(ctx context.Context, open func() (*Migrator, error)) error {
	m, err := open()
	if err != nil {
		return err
	}
	_, err = m.Up(ctx)
	return errors.Join(err, m.Close())
}
