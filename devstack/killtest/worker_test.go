package killtest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/devstack/ports"
	"github.com/sluicehq/sluice/devstack/sluice"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/worker"
)

// runWorker runs a worker in this process until stop is called, or to the end of the
// test. Its log is returned.
func (s *system) runWorker(t *testing.T, change func(*worker.Config)) (log *output, stop func()) {
	t.Helper()
	log = &output{}
	cfg := worker.Config{
		Settings: s.settings, Registry: components.Stock(s.settings).Importers, Temporal: s.temporalOptions(),
		Logger: slog.New(slog.NewTextHandler(log, nil)), Migrate: true,
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx, cfg) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("log of the worker in this process:\n%s", log)
		}
	})
	return log, stop
}

// runWorkerProcess is a worker process of a stack whose configuration differs from that of
// the program. It looks more often than usual for what a process that died has left undone.
func runWorkerProcess(ctx context.Context, change func(*worker.Config)) error {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	logger := wiring.Logger(settings.Log, os.Stderr)
	options, err := starter.TemporalOptions(logger, os.Environ())
	if err != nil {
		return err
	}
	set := components.Stock(settings)
	cfg := worker.Config{
		Settings: settings, Registry: set.Importers, Connections: set.Kinds,
		Temporal: options, Logger: logger, Migrate: true,
		ReconcileInterval: 3 * time.Second, AbandonedAfter: 5 * time.Second,
	}
	change(&cfg)
	return worker.Run(ctx, cfg)
}

// process is a process without a supervisor.
type process struct {
	pid     int
	address string
	// kill kills it by SIGKILL, stop ends it gracefully. Both wait for its end; the first one counts.
	kill, stop func()
}

// spawnWorker starts a worker process and waits until it is ready. It is killed with
// the test. more are further variables, as KEY=value.
func (s *system) spawnWorker(t *testing.T, more ...string) process {
	t.Helper()
	address := freeAddress(t)
	return s.spawn(t, "worker", address, sluice.Hooks().WorkerReady, append([]string{stack.EnvWorkerAddress + "=" + address}, more...)...)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := ports.Free("127.0.0.1", 1)
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(free[0]))
}

// spawn starts a process of this program with the environment of the stack and more, and waits until ready finds it ready
// at an address. It is killed with the test.
func (s *system) spawn(
	t *testing.T, command, address string, ready func(ctx context.Context, address string) error, more ...string,
) process {
	t.Helper()
	out := &output{}
	cmd := exec.Command(os.Args[0], command)
	cmd.Env = append(stack.WithEnv(os.Environ(), s.stack.Env()), more...)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	one := process{pid: cmd.Process.Pid, address: address}
	var end sync.Once
	one.kill = func() {
		end.Do(func() {
			require.NoError(t, cmd.Process.Kill())
			require.ErrorContains(t, cmd.Wait(), "killed")
		})
	}
	one.stop = func() {
		end.Do(func() {
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.NoError(t, cmd.Wait(), "graceful stop of the %s:\n%s", command, out)
		})
	}
	t.Cleanup(func() {
		one.kill()
		if t.Failed() {
			t.Logf("output of the %s process:\n%s", command, out)
		}
	})
	poll(t.Context(), t, "the "+command+" process", func(ctx context.Context) bool { return ready(ctx, address) == nil })
	return one
}

// unsuccessful tells how many attempts at loading a part have failed or were
// cancelled in the process.
func (p process) unsuccessful(ctx context.Context) (attempts float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(response.Body)
	if closeErr := response.Body.Close(); err != nil || closeErr != nil {
		return 0, fmt.Errorf("read metrics: %w %w", err, closeErr)
	}
	for line := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		failed := strings.HasPrefix(name, "temporal_activity_execution_failed") ||
			strings.HasPrefix(name, "temporal_activity_execution_cancel")
		if failed && strings.Contains(name, `"import_data"`) {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			attempts += n
		}
	}
	return attempts, nil
}
