package app

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/devstack/supervise"
	"github.com/sluicehq/sluice/ingest/eventlog"
)

func TestExec(t *testing.T) {
	t.Parallel()

	t.Run("refuses wrong usage", func(t *testing.T) {
		t.Parallel()
		_, err := call(t, "exec")
		require.ErrorContains(t, err, "no command given")
		_, err = call(t, "exec", "--no-sync", "--data", "x", "true")
		require.ErrorContains(t, err, "--no-sync and --data exclude each other")
		require.Equal(t, 1, ExitCode(err, &bytes.Buffer{}))
	})

	t.Run("gives the command the engines, returns its code and leaves nothing", func(t *testing.T) {
		t.Parallel()
		p := run(t, "exec", "--", "sh", "-c",
			`test -z "$SLUICE_EVENTLOG_URL" || exit 8; echo "$1|$SLUICE_STORE_DSN|$SLUICE_WAREHOUSE_DSN|$SLUICE_WAREHOUSE_NATIVE_DSN|$TEMPORAL_ADDRESS|$TEMPORAL_NAMESPACE|$SLUICE_DEV_BIN"; `+
				`test -f "$SLUICE_LIBCHDB" && test -d "$SLUICE_POSTGRES_BIN" && exit 7`, "sh", "an argument")
		require.Equal(t, 7, p.code(t))
		require.Regexp(t, `^an argument\|postgres://sluice@127\.0\.0\.1:\d+/sluice\?sslmode=disable\|`+
			`http://default@127\.0\.0\.1:\d+/sluice\|clickhouse://default@127\.0\.0\.1:\d+/sluice\|127\.0\.0\.1:\d+\|default\|/.*\n$`, p.out.String())
		p.requireNothingLeft(t)
	})

	t.Run("gives the command the event log and the server", func(t *testing.T) {
		t.Parallel()
		p := run(t, "exec", "--server", "--", "sh", "-c", `trap 'exit 5' TERM; `+
			`echo "found $SLUICE_EVENTLOG_URL $(cat "$SLUICE_EVENTLOG_TOKEN_FILE") [$SLUICE_EVENTLOG_TOKEN] `+
			`$SLUICE_SERVER_LISTEN $SLUICE_SERVER_HEALTH_LISTEN $SLUICE_SERVER_TRUSTED_PROXIES end"; while :; do sleep 0.02; done`)
		p.await(t, " end\n")
		found := regexp.MustCompile(`found nats://(\S+) (\S+) \[\] 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+ 127\.0\.0\.0/8,::1 end\n`).
			FindStringSubmatch(p.out.String())
		require.Len(t, found, 3)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cfg := eventlog.Config{URL: "nats://" + found[1], Partitions: 1, MaxBytes: 64 << 20}
		_, err := eventlog.Open(ctx, cfg)
		require.ErrorContains(t, err, "Authorization Violation")
		cfg.URL = "nats://" + found[2] + "@" + found[1]
		log, err := eventlog.Open(ctx, cfg)
		require.NoError(t, err)
		position, err := log.Append(ctx, 0, []byte("a record"))
		require.NoError(t, err)
		require.Equal(t, uint64(1), position.Sequence)
		log.Close()
		p.signal(t, syscall.SIGTERM)
		require.Equal(t, 5, p.code(t))
		p.requireNothingLeft(t)
	})

	t.Run("runs several at once", func(t *testing.T) {
		t.Parallel()
		options := `cat "$(dirname "$SLUICE_CONNECTIONS_KEYSET_FILE")"/postgres/cluster/postmaster.opts`
		first, second := run(t, "exec", "--no-sync", "--", "sh", "-c", options), run(t, "exec", "--worker", "--", "sh", "-c", options)
		require.Zero(t, first.code(t))
		require.Zero(t, second.code(t))
		require.Contains(t, first.out.String(), `"fsync=off"`)
		require.Contains(t, second.out.String(), `"fsync=on"`)
	})

	t.Run("keeps a folder that was given", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		require.Zero(t, run(t, "exec", "--data", dir, "true").code(t))
		require.DirExists(t, filepath.Join(dir, "postgres", "cluster"))
		require.DirExists(t, filepath.Join(dir, "clickhouse"))
		require.FileExists(t, filepath.Join(dir, "temporal", "temporal.db"))
		require.FileExists(t, filepath.Join(dir, "logs", "postgres.log"))
		require.Zero(t, run(t, "exec", "--data", dir, "true").code(t), "and works on it again")
	})

	t.Run("passes a signal on and stops the engines afterwards", func(t *testing.T) {
		t.Parallel()
		p := run(t, "exec", "--", "sh", "-c", "trap 'echo trapped; exit 5' TERM; echo waiting; while :; do sleep 0.02; done")
		p.await(t, "waiting")
		p.signal(t, syscall.SIGTERM)
		require.Equal(t, 5, p.code(t))
		require.Contains(t, p.out.String(), "trapped")
		p.requireNothingLeft(t)
	})

	t.Run("says that there is no such command", func(t *testing.T) {
		t.Parallel()
		p := run(t, "exec", "--", "no-such-program-anywhere")
		require.Equal(t, 1, p.code(t))
		require.Contains(t, p.out.String(), "no-such-program-anywhere")
		p.requireNothingLeft(t)
	})

	t.Run("wants a command", func(t *testing.T) {
		t.Parallel()
		p := run(t, "exec")
		require.Equal(t, 1, p.code(t))
		require.Contains(t, p.out.String(), "for example")
	})

	t.Run("says which engine cannot start and why", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "temporal"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal", "temporal.db"), []byte("x"), 0o600))
		p := run(t, "exec", "--data", dir, "true")
		require.Equal(t, 1, p.code(t))
		require.Contains(t, p.out.String(), "temporal failed to start: exit status 78")
		require.Contains(t, p.out.String(), "another program made it")
	})
}

func TestSweep(t *testing.T) {
	t.Parallel()
	log, err := newLogger(&output{}, "debug", "text")
	require.NoError(t, err)
	parent := t.TempDir()
	old := time.Now().Add(-2 * sweepAfter)
	folder := func(name, lock string, modified time.Time) string {
		dir := filepath.Join(parent, name)
		require.NoError(t, os.Mkdir(dir, 0o755))
		if lock != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, lock), nil, 0o600))
		}
		require.NoError(t, os.Chtimes(dir, modified, modified))
		return dir
	}
	abandoned := folder(tempPrefix+"1", "lock", old)
	young := folder(tempPrefix+"2", "lock", time.Now())
	foreign := folder(tempPrefix+"3", "", old)
	other := folder("sluice-dev-4", "lock", old)
	used := folder(tempPrefix+"5", "lock", old)
	f, err := os.Open(filepath.Join(used, "lock"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))

	sweep(parent, log)
	require.NoDirExists(t, abandoned)
	for _, dir := range []string{young, foreign, other, used} {
		require.DirExists(t, dir)
	}
}

func TestWorthRetrying(t *testing.T) {
	t.Parallel()
	ended := func(script string) error {
		return &supervise.FailedError{Name: "x", Cause: exec.Command("sh", "-c", script).Run()}
	}
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"ports were taken":          {&stack.PortsError{}, true},
		"an engine ended":           {ended("exit 1"), true},
		"an engine gave a reason":   {ended("exit " + strconv.Itoa(supervise.ExitPermanent)), false},
		"an engine never got ready": {&supervise.FailedError{Name: "x", Cause: context.DeadlineExceeded}, false},
		"the folder is another's":   {stack.ErrLocked, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, worthRetrying(tc.err))
		})
	}
}
