// Package migration migrates database schemas with goose. Migrations are forward only. A database whose
// schema version the program does not know is refused and not changed.
package migration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
)

// Migrator applies the migrations of one database.
type Migrator struct {
	database Database
	db       *sql.DB
	provider *goose.Provider
	// check refuses a server that the migrations do not run on; nil if they run on all.
	check func(context.Context, *sql.DB) error
}

// Database identifies a database in errors.
type Database struct {
	// Name is its role: "store" or "warehouse".
	Name string
	// Place is its name and server, without credentials, as `database "sluice" at 127.0.0.1:5432`.
	Place string
}

// UnsupportedError reports a schema version that the program neither has nor can migrate to its own.
// Repeating the operation does not help.
type UnsupportedError struct {
	Database Database
	// Version is the schema version of the database, Newest the highest of the program.
	Version, Newest int64
}

// Older reports whether the database is older than the program: a commit before the first release migrated
// it, by migrations that no longer exist. Otherwise it is newer.
func (e *UnsupportedError) Older() bool { return e.Version < e.Newest }

// Error returns what to do about the database.
func (e *UnsupportedError) Error() string {
	if e.Older() {
		return fmt.Sprintf("the %s (%s) has schema version %d, which was never released and cannot be migrated: "+
			"drop the database, which deletes its data, create it again, then run `sluice migrate up`",
			e.Database.Name, e.Database.Place, e.Version)
	}
	return fmt.Sprintf("the %s has schema version %d, this program supports up to %d: "+
		"use the version of the program that migrated it, or a newer one",
		e.Database.Name, e.Version, e.Newest)
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
func New(
	database Database, dialect goose.Dialect, db *sql.DB, files fs.FS, opts ...goose.ProviderOption,
) (*Migrator, error) {
	provider, err := goose.NewProvider(dialect, db, files, opts...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the migrations of the %s: %w", database.Name, err), db.Close())
	}
	return &Migrator{database: database, db: db, provider: provider}, nil
}

// Require sets what is checked before anything else, such as the version of the server.
func (m *Migrator) Require(check func(context.Context, *sql.DB) error) { m.check = check }

// Up applies every pending migration and returns their number. It returns an [UnsupportedError] about a
// database with an unknown schema version.
func (m *Migrator) Up(ctx context.Context) (int, error) {
	if err := m.refuseUnsupported(ctx); err != nil {
		return 0, err
	}
	results, err := m.provider.Up(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate the %s: %w", m.database.Name, m.cause(ctx, err))
	}
	return len(results), nil
}

// refuseUnsupported refuses a server that is not what is required, and a database whose schema version is not that of
// a migration.
func (m *Migrator) refuseUnsupported(ctx context.Context) error {
	if m.check != nil {
		if err := m.check(ctx, m.db); err != nil {
			return fmt.Errorf("check the server of the %s: %w", m.database.Name, m.cause(ctx, err))
		}
	}
	current, newest, err := m.provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version of the %s: %w", m.database.Name, m.cause(ctx, err))
	}
	known := slices.ContainsFunc(m.provider.ListSources(), func(s *goose.Source) bool { return s.Version == current })
	if current != 0 && !known {
		return &UnsupportedError{Database: m.database, Version: current, Newest: newest}
	}
	return nil
}

// Pending reports whether there are pending migrations, with the errors of Up.
func (m *Migrator) Pending(ctx context.Context) (bool, error) {
	if err := m.refuseUnsupported(ctx); err != nil {
		return false, err
	}
	pending, err := m.provider.HasPending(ctx)
	if err != nil {
		return false, fmt.Errorf("read the schema version of the %s: %w", m.database.Name, m.cause(ctx, err))
	}
	return pending, nil
}

// Status lists all migrations in order, with the errors of Up.
func (m *Migrator) Status(ctx context.Context) ([]Status, error) {
	if err := m.refuseUnsupported(ctx); err != nil {
		return nil, err
	}
	all, err := m.provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the migrations of the %s: %w", m.database.Name, m.cause(ctx, err))
	}
	list := make([]Status, len(all))
	for i, one := range all {
		list[i] = Status{
			Database: m.database.Name, Version: one.Source.Version, Name: one.Source.Path, AppliedAt: one.AppliedAt,
		}
	}
	return list, nil
}

// errLost means that the server has closed a connection, and accepts others.
var errLost = errors.New("the server closed the connection: retry in a moment")

// cause returns why a connection was lost. Drivers report that as an error of database/sql, which goose then finds once
// more when it closes the connection: neither names the cause, such as a server that does not answer.
func (m *Migrator) cause(ctx context.Context, err error) error {
	if !errors.Is(err, sql.ErrConnDone) && !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	if ping := m.db.PingContext(ctx); ping != nil {
		return ping
	}
	return errLost
}

// UpToDate opens a migrator and closes it, and returns an error if the database has pending migrations.
func UpToDate(ctx context.Context, open func() (*Migrator, error)) error {
	m, err := open()
	if err != nil {
		return err
	}
	pending, err := m.Pending(ctx)
	if err := errors.Join(err, m.Close()); err != nil {
		return err
	}
	if pending {
		return fmt.Errorf("the %s is not up to date: run `sluice migrate up`", m.database.Name)
	}
	return nil
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
