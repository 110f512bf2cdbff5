package app

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/ports"
)

func TestUp(t *testing.T) {
	t.Parallel()

	t.Run("says where everything is and stops on a signal", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		args, a := upArgs(t, dir)
		p := run(t, args...)
		p.await(t, "Ready.")
		p.await(t, filepath.Join(dir, "logs"))
		out := p.out.String()
		for _, want := range []string{
			"  pages                 http://" + a.Server + "\n",
			"  PostgreSQL            postgres://sluice@" + a.Store + "/sluice?sslmode=disable\n",
			"  ClickHouse            http://default@" + a.Warehouse + "/sluice\n",
			"  ClickHouse native     clickhouse://default@" + a.WarehouseNative + "/sluice\n",
			"  Temporal              " + a.Temporal + ", namespace default\n",
			"  Temporal Web UI       http://" + a.TemporalUI + "\n",
			"  worker                http://" + a.Worker + "\n",
			"  event log             nats://" + a.EventLog + ", token in " + filepath.Join(dir, "eventlog.token") + "\n",
			"  server                http://" + a.Server + "/api/event\n",
			"  REST API              http://" + a.Server + "/api/docs\n",
			"  server's health       http://" + a.ServerHealth + "/readyz\n",
			"\nFor `sluice` in another terminal:\n" +
				"  export SLUICE_STORE_DSN='postgres://sluice@" + a.Store + "/sluice?sslmode=disable'\n",
			"  export TEMPORAL_ADDRESS='" + a.Temporal + "'\n",
			"  export SLUICE_CONNECTIONS_KEYSET_FILE='" + filepath.Join(dir, "keyset.json") + "'\n",
		} {
			require.Contains(t, out, want)
		}
		require.NotContains(t, out, "\x1b[", "no colours without a terminal")
		p.signal(t, syscall.SIGINT)
		require.Zero(t, p.code(t))
		requireFree(t, a)
	})

	t.Run("runs neither server nor event log without a server", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		args, a := upArgs(t, dir)
		p := run(t, append(args, "--no-server")...)
		p.await(t, "Ready.")
		p.await(t, filepath.Join(dir, "logs"))
		require.Contains(t, p.out.String(), a.Worker)
		require.NotContains(t, p.out.String(), "event log")
		require.NotContains(t, p.out.String(), a.Server)
		require.NoFileExists(t, filepath.Join(dir, "eventlog.token"))
		require.NoError(t, ports.Check(a.EventLog), "something listens")
		p.signal(t, syscall.SIGINT)
		require.Zero(t, p.code(t))
	})

	t.Run("runs another program as the worker", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		mine := filepath.Join(dir, "mine")
		script := "#!/bin/sh\necho \"mine $* at $SLUICE_WORKER_LISTEN\"\nexec sleep 3600\n"
		require.NoError(t, os.WriteFile(mine, []byte(script), 0o755))
		args, a := upArgs(t, dir)
		p := run(t, append(args, "--worker", mine)...)
		p.await(t, "mine worker --migrate at "+a.Worker)
		p.await(t, "Ready.")
		p.signal(t, syscall.SIGINT)
		require.Zero(t, p.code(t))
		requireFree(t, a)
	})

	t.Run("refuses a worker that it cannot run", func(t *testing.T) {
		t.Parallel()
		for want, more := range map[string][]string{
			"--worker: exec: \"./nowhere\": stat ./nowhere: no such file or directory": {"--worker", "./nowhere"},
			"--worker and --no-worker are both set: use one":                           {"--worker", "sh", "--no-worker"},
		} {
			args, _ := upArgs(t, t.TempDir())
			p := run(t, append(args, more...)...)
			require.NotZero(t, p.code(t))
			require.Contains(t, p.out.String(), want)
		}
	})

	t.Run("takes no arguments", func(t *testing.T) {
		t.Parallel()
		p := run(t, "up", "postgres")
		require.Equal(t, 1, p.code(t))
		require.Contains(t, p.out.String(), `up takes no arguments, got ["postgres"]`)
	})
}
