package stack_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/app"
	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/ports"
	"github.com/sluicehq/sluice/devstack/stack"
)

// The test binary is also sluice-dev: the stack runs it for each engine.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		err := app.New(app.Hooks{Worker: runTestWorker}).RunContext(context.Background(), os.Args)
		os.Exit(app.ExitCode(err, os.Stderr))
	}
	os.Exit(m.Run())
}

// runTestWorker is a worker that only runs.
func runTestWorker(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// passable returns a temporary folder that PostgreSQL's account may enter; those
// of the testing package are closed to others.
func passable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice-stack-test-") //nolint:usetesting // See above.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

// config returns a configuration on free ports and a fresh folder.
func config(t *testing.T) stack.Config {
	t.Helper()
	addresses, err := stack.FreeAddresses()
	require.NoError(t, err)
	return stack.Config{DataDir: passable(t), Addresses: addresses, EngineEnv: engineEnv(t)}
}

func engineEnv(t *testing.T) map[string]string {
	t.Helper()
	lib, err := engines.LibCHDB("")
	require.NoError(t, err)
	bin, err := engines.PostgresBin("")
	require.NoError(t, err)
	return map[string]string{engines.EnvLibCHDB: lib, engines.EnvPostgresBin: bin}
}

// start starts a stack and stops it with the test.
func start(t *testing.T, cfg stack.Config) *stack.Stack {
	t.Helper()
	out := &output{}
	cfg.Output = out
	s, err := stack.New(cfg)
	require.NoError(t, err)
	require.NoError(t, s.Start(within(t, 2*time.Minute)), "output:\n%s", out)
	t.Cleanup(func() {
		require.NoError(t, s.Stop(context.Background()))
		if t.Failed() {
			t.Logf("output:\n%s", out)
		}
	})
	return s
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// requireAllFree waits until nothing listens on any of the stack's addresses.
func requireAllFree(t *testing.T, a stack.Addresses) {
	t.Helper()
	for _, address := range []string{a.Store, a.Warehouse, a.WarehouseNative, a.Temporal, a.TemporalUI} {
		require.Eventually(t, func() bool { return ports.Check(address) == nil }, time.Minute, 20*time.Millisecond,
			"something still listens on %s", address)
	}
}

// output collects lines of several goroutines.
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
