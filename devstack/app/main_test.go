package app

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/ports"
	"github.com/sluicehq/sluice/devstack/stack"
)

// The test binary is also sluice-dev, with a worker and a server that only run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		runs := func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		}
		err := New(Hooks{Worker: runs, Server: runs}).RunContext(context.Background(), os.Args)
		os.Exit(ExitCode(err, os.Stderr))
	}
	os.Exit(m.Run())
}

// program is a running sluice-dev.
type program struct {
	cmd    *exec.Cmd
	out    *output // both streams
	tmp    string  // its TMPDIR
	exited chan struct{}
	err    error // of Wait, once exited is closed
}

// run starts sluice-dev with a TMPDIR of its own; it is killed with the test at
// the latest.
func run(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(os.Args[0], args...), out: &output{}, tmp: passable(t), exited: make(chan struct{})}
	lib, err := engines.LibCHDB("")
	require.NoError(t, err)
	bin, err := engines.PostgresBin("")
	require.NoError(t, err)
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.tmp, engines.EnvLibCHDB+"="+lib, engines.EnvPostgresBin+"="+bin)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	require.NoError(t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("kill sluice-dev: %v", err)
		}
		<-p.exited
		if t.Failed() {
			t.Logf("output:\n%s", p.out)
		}
	})
	return p
}

// code waits for the end and returns the exit code.
func (p *program) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(2 * time.Minute):
		require.Fail(t, "sluice-dev does not end", "output:\n%s", p.out)
	}
	var exit *exec.ExitError
	if p.err != nil {
		require.ErrorAs(t, p.err, &exit)
	}
	return p.cmd.ProcessState.ExitCode()
}

// await waits until the output holds text.
func (p *program) await(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.out.String(), text) }, 2*time.Minute, 10*time.Millisecond,
		"no %q in the output", text)
}

func (p *program) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(s))
}

// requireNothingLeft checks that a temporary folder is empty.
func (p *program) requireNothingLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(p.tmp, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// passable returns a temporary folder that PostgreSQL's account may enter; those
// of the testing package are closed to others.
func passable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice-app-test-") //nolint:usetesting // See above.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

// upArgs are the arguments of an `up` on free ports.
func upArgs(t *testing.T, dir string) ([]string, stack.Addresses) {
	t.Helper()
	a, err := stack.FreeAddresses()
	require.NoError(t, err)
	return []string{
		"up", "--data", dir, "--postgres-address", a.Store, "--clickhouse-address", a.Warehouse,
		"--clickhouse-native-address", a.WarehouseNative,
		"--temporal-address", a.Temporal, "--temporal-ui-address", a.TemporalUI, "--worker-address", a.Worker,
		"--eventlog-address", a.EventLog, "--server-address", a.Server, "--server-health-address", a.ServerHealth,
	}, a
}

func requireFree(t *testing.T, a stack.Addresses) {
	t.Helper()
	for _, address := range []string{a.Store, a.Warehouse, a.WarehouseNative, a.Temporal, a.TemporalUI, a.EventLog} {
		require.Eventually(t, func() bool { return ports.Check(address) == nil }, 30*time.Second, 20*time.Millisecond,
			"something still listens on %s", address)
	}
}

// output collects what several goroutines write.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
