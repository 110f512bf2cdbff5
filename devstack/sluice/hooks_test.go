package sluice

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	devstack "github.com/sluicehq/sluice/devstack/app"
	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/migration"
)

// The test binary is also sluice-dev, which runs the engines.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		err := devstack.New(Hooks()).RunContext(context.Background(), os.Args)
		os.Exit(devstack.ExitCode(err, os.Stderr))
	}
	os.Exit(m.Run())
}

// A data folder of a commit before the first release is refused before the worker starts.
func TestOlderDataFolder(t *testing.T) {
	t.Parallel()
	lib, err := engines.LibCHDB("")
	require.NoError(t, err)
	bin, err := engines.PostgresBin("")
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "sluice-older-") //nolint:usetesting // PostgreSQL's user must reach it.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	addresses, err := stack.FreeAddresses()
	require.NoError(t, err)
	s, err := stack.New(stack.Config{
		DataDir: dir, Addresses: addresses,
		EngineEnv: map[string]string{engines.EnvLibCHDB: lib, engines.EnvPostgresBin: bin},
	})
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	prepare := Hooks().Prepare
	require.NoError(t, prepare(t.Context(), s.Env()), "empty databases are migrated by the worker")

	conn, err := pgx.Connect(t.Context(), s.Env()[stack.EnvStoreDSN])
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, true), (41, true)")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	err = prepare(t.Context(), s.Env())
	var unsupported *migration.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.True(t, unsupported.Older())
	require.ErrorContains(t, err, `the store (database "sluice" at `+addresses.Store+
		") has schema version 41, which was never released and cannot be migrated: drop the database")
}
