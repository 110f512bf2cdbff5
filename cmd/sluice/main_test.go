package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// asSluice makes the test binary behave as sluice: a process of its own, with signals
// and an exit code.
const asSluice = "TEST_RUN_AS_SLUICE"

func TestMain(m *testing.M) {
	if os.Getenv(asSluice) != "" {
		main()
	}
	os.Exit(m.Run())
}

func sluice(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asSluice+"=1", "SLUICE_STORE_DSN=postgres://u@127.0.0.1:1/d", "SLUICE_WORKER_LISTEN=off")
	return cmd
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	out, err := sluice(t, "version").Output()
	require.NoError(t, err)
	require.NotEmpty(t, strings.TrimSpace(string(out)))

	cmd := sluice(t, "nope")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.Error(t, cmd.Run())
	require.Equal(t, 2, cmd.ProcessState.ExitCode(), "a mistake in the command line")
	require.Equal(t, "sluice: `sluice` has no command \"nope\": see `sluice --help`\n", stderr.String())
}

// TestInterrupt: a worker that waits for its databases lets itself be stopped.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			cmd := sluice(t, "worker")
			stderr, err := cmd.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			lines := bufio.NewScanner(stderr)
			waits := false
			for !waits && lines.Scan() {
				waits = strings.Contains(lines.Text(), "waiting")
			}
			require.True(t, waits)
			require.NoError(t, cmd.Process.Signal(signal))
			for lines.Scan() {
				require.NotContains(t, lines.Text(), "panic")
			}
			require.NoError(t, cmd.Wait(), "a worker that stops on a signal exits with 0")
		})
	}
}
