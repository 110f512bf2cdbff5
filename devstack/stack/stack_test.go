package stack_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/devstack/supervise"
)

func TestStack(t *testing.T) {
	t.Parallel()

	t.Run("loses nothing when its engines are killed, nor over a restart", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		s := start(t, cfg)
		write(t, s)
		for _, c := range stack.Engines() {
			before, err := s.PID(c)
			require.NoError(t, err)
			require.NoError(t, s.Kill(c))
			require.NoError(t, s.WaitReady(within(t, time.Minute), c))
			after, err := s.PID(c)
			require.NoError(t, err)
			require.NotEqual(t, before, after)
			restarts, err := s.Restarts(c)
			require.NoError(t, err)
			require.Positive(t, restarts)
		}
		requireKept(t, s)
		// All at once, as after an out-of-memory killer's visit.
		for _, c := range stack.Engines() {
			require.NoError(t, s.Kill(c))
		}
		require.NoError(t, s.WaitReady(within(t, time.Minute)))
		requireKept(t, s)

		require.NoError(t, s.Stop(t.Context()))
		requireAllFree(t, cfg.Addresses)
		requireKept(t, start(t, cfg))
	})

	t.Run("uses servers that are there already", func(t *testing.T) {
		t.Parallel()
		servers := start(t, config(t)).Env()
		cfg := config(t)
		cfg.StoreDSN, cfg.WarehouseDSN = servers[stack.EnvStoreDSN], servers[stack.EnvWarehouseDSN]
		s := start(t, cfg)
		for _, name := range []string{stack.EnvStoreDSN, stack.EnvWarehouseDSN} {
			require.Equal(t, servers[name], s.Env()[name])
		}
		require.NotContains(t, s.Env(), stack.EnvWarehouseNativeDSN)
		for _, c := range []stack.Component{stack.ComponentPostgres, stack.ComponentClickHouse} {
			_, err := s.PID(c)
			require.Error(t, err, "%s is not run", c)
		}
		_, err := s.PID(stack.ComponentTemporal)
		require.NoError(t, err)
	})

	t.Run("keeps a second stack off its folder", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		s := start(t, cfg)
		other := config(t)
		other.DataDir = cfg.DataDir
		second, err := stack.New(other)
		require.NoError(t, err)
		err = second.Start(t.Context())
		require.ErrorIs(t, err, stack.ErrLocked)
		require.ErrorContains(t, err, "choose another folder with --data")

		abandoned, err := stack.Abandoned(cfg.DataDir)
		require.NoError(t, err)
		require.False(t, abandoned)
		require.NoError(t, s.Stop(t.Context()))
		abandoned, err = stack.Abandoned(cfg.DataDir)
		require.NoError(t, err)
		require.True(t, abandoned)
	})

	t.Run("prepares and runs the worker after the engines", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		var prepared map[string]string
		cfg.Worker = &stack.Worker{Prepare: func(ctx context.Context, env map[string]string) error {
			prepared = env
			return nil
		}}
		s := start(t, cfg)
		require.Equal(t, s.Env(), prepared)
		require.Equal(t, cfg.Addresses.Temporal, prepared[stack.EnvTemporalAddress])
		require.True(t, s.HasWorker())
		before, err := s.PID(stack.ComponentWorker)
		require.NoError(t, err)
		require.NoError(t, s.Kill(stack.ComponentWorker))
		require.NoError(t, s.WaitReady(within(t, time.Minute), stack.ComponentWorker))
		after, err := s.PID(stack.ComponentWorker)
		require.NoError(t, err)
		require.NotEqual(t, before, after)
	})

	t.Run("leaves nothing running when the preparation fails", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		broken := errors.New("migration 7 is broken")
		cfg.Worker = &stack.Worker{Prepare: func(context.Context, map[string]string) error { return broken }}
		s, err := stack.New(cfg)
		require.NoError(t, err)
		require.ErrorIs(t, s.Start(within(t, 2*time.Minute)), broken)
		requireAllFree(t, cfg.Addresses)
	})

	t.Run("gives an engine up that cannot start, and says why", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		// A folder that holds another version's cluster.
		cluster := filepath.Join(cfg.DataDir, "postgres", "cluster")
		require.NoError(t, os.MkdirAll(cluster, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(cluster, "PG_VERSION"), []byte("9\n"), 0o600))
		s, err := stack.New(cfg)
		require.NoError(t, err)
		err = s.Start(within(t, 2*time.Minute))
		var failed *supervise.FailedError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "postgres", failed.Name)
		require.ErrorContains(t, err, "was made by PostgreSQL 9")
		requireAllFree(t, cfg.Addresses)
	})

	t.Run("stops on a signal while starting", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		s, err := stack.New(cfg)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, s.Start(ctx), context.Canceled)
		requireAllFree(t, cfg.Addresses)
	})
}

func TestPorts(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	for _, address := range []string{cfg.Addresses.Store, cfg.Addresses.TemporalUI} {
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
	}
	s, err := stack.New(cfg)
	require.NoError(t, err)
	err = s.Start(t.Context())
	var taken *stack.PortsError
	require.ErrorAs(t, err, &taken)
	require.Len(t, taken.Taken, 2)
	require.Equal(t, "PostgreSQL", taken.Taken[0].Name)
	require.Contains(t, taken.Taken[0].Holder, filepath.Base(os.Args[0]), "it is this process that listens")
	require.ErrorContains(t, err, "2 addresses are taken")
	require.ErrorContains(t, err, "--postgres-address")
	require.ErrorContains(t, err, "--temporal-ui-address")
	require.NotContains(t, err.Error(), "--clickhouse-address")
	require.NoDirExists(t, filepath.Join(cfg.DataDir, "postgres"), "nothing was started")
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	_, err := stack.New(stack.Config{MaxStartFailures: -1, Addresses: stack.Addresses{
		Store: "nowhere", Warehouse: "127.0.0.1:1", Temporal: "127.0.0.1:1", TemporalUI: ":0",
	}})
	for _, want := range []string{
		"data folder is missing", "max start failures is negative", `PostgreSQL address "nowhere": want host:port`,
		"ClickHouse and Temporal have the same address", `Temporal Web UI address ":0"`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestUnknownComponent(t *testing.T) {
	t.Parallel()
	s, err := stack.New(stack.Config{DataDir: t.TempDir()})
	require.NoError(t, err)
	require.ErrorContains(t, s.Kill("redis"), `component "redis" is not part of this stack`)
	require.ErrorContains(t, s.WaitReady(t.Context(), "redis"), `component "redis"`)
	require.NoError(t, s.Stop(t.Context()), "a stack that never ran")
}

func TestWithEnv(t *testing.T) {
	t.Parallel()
	got := stack.WithEnv([]string{"A=1", "B=2"}, map[string]string{"B": "3", engines.EnvDir: "/x"})
	require.Equal(t, []string{"A=1", "B=2", "B=3", engines.EnvDir + "=/x"}, got)
}
