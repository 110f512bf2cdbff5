// Package migrationtest tests the migrations of any of Sluice's databases.
package migrationtest

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/migration"
)

// Database is a database that migrates itself.
type Database interface {
	Migrate(ctx context.Context) error
	Migrations() (*migration.Migrator, error)
}

// Config configures the tests.
type Config struct {
	// Name is the migrator's name of the database.
	Name string
	// DSN returns a new, empty database that exists until the end of the test.
	DSN func(t *testing.T) string
	// Open connects to a database, and closes it at the end of the test.
	Open func(t *testing.T, dsn string) Database
}

// Run migrates empty databases: once, twice, and from two processes concurrently.
func Run(t *testing.T, cfg Config) {
	t.Helper()
	t.Run("from empty", func(t *testing.T) {
		t.Parallel()
		fromEmpty(t, cfg)
	})
	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		atOnce(t, cfg)
	})
}

func fromEmpty(t *testing.T, cfg Config) {
	t.Helper()
	ctx := t.Context()
	d := cfg.Open(t, cfg.DSN(t))
	m, err := d.Migrations()
	require.NoError(t, err)
	pending, err := m.Pending(ctx)
	require.NoError(t, err)
	require.True(t, pending)
	before, err := m.Status(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, before)
	last := int64(0)
	for _, s := range before {
		require.Equal(t, cfg.Name, s.Database)
		require.Greater(t, s.Version, last)
		last = s.Version
		require.Zero(t, s.AppliedAt)
	}
	applied, err := m.Up(ctx)
	require.NoError(t, err)
	require.Equal(t, len(before), applied)
	again, err := m.Up(ctx)
	require.NoError(t, err)
	require.Zero(t, again, "a second time does nothing")
	pending, err = m.Pending(ctx)
	require.NoError(t, err)
	require.False(t, pending)
	after, err := m.Status(ctx)
	require.NoError(t, err)
	for _, s := range after {
		require.NotZero(t, s.AppliedAt, s.Name)
	}
	require.NoError(t, m.Close())
	require.NoError(t, d.Migrate(ctx), "closing a migrator leaves its database open")
}

// atOnce migrates one database from several processes concurrently, as workers of one deployment
// do.
func atOnce(t *testing.T, cfg Config) {
	t.Helper()
	ctx, dsn := t.Context(), cfg.DSN(t)
	errs := make([]error, 3)
	databases := make([]Database, len(errs))
	for i := range databases {
		databases[i] = cfg.Open(t, dsn)
	}
	var all sync.WaitGroup
	for i, d := range databases {
		all.Go(func() { errs[i] = d.Migrate(ctx) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	m, err := databases[0].Migrations()
	require.NoError(t, err)
	pending, err := m.Pending(ctx)
	require.NoError(t, err)
	require.False(t, pending)
	require.NoError(t, m.Close())
}
