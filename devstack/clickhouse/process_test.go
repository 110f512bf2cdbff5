package clickhouse

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
)

// childDataDir names the environment variable that makes a process of this
// test binary serve an engine of its own on that directory.
const childDataDir = "CLICKHOUSE_TEST_DATA"

// child serves an engine until a signal. It writes the addresses to its output.
func child(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var nativeAddr string
	return Run(ctx, Config{
		Address: "127.0.0.1:0", NativeAddress: "127.0.0.1:0", DataDir: dir, LibraryPath: libchdb, ShutdownGrace: 3 * time.Second,
		NativeReady: func(addr string) { nativeAddr = addr },
		Ready: func(addr string) {
			if _, err := os.Stdout.WriteString(addr + " " + nativeAddr + "\n"); err != nil {
				panic(err)
			}
		},
	})
}

// process is a running child.
type process struct {
	cmd     *exec.Cmd
	address string
	native  string
}

// start runs a child on dir and waits until it serves.
func start(t *testing.T, dir string) *process {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), childDataDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "the child did not come up")
	addresses := strings.Fields(line)
	require.Len(t, addresses, 2)
	return &process{cmd, addresses[0], addresses[1]}
}

// ask sends a query to the child.
func (p *process) ask(t *testing.T, sql string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.address+"/", strings.NewReader(sql))
	require.NoError(t, err)
	status, _, text := do(t, r)
	require.Equal(t, http.StatusOK, status, text)
	return text
}

func TestProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, dir)
	require.Equal(t, "sluice\n", first.ask(t, "SELECT currentDatabase()"))
	first.ask(t, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	first.ask(t, "INSERT INTO t SELECT number FROM numbers(1000)")

	t.Run("data directory in use is refused", func(t *testing.T) {
		err := Run(t.Context(), Config{Address: "127.0.0.1:0", DataDir: dir, LibraryPath: libchdb})
		require.ErrorContains(t, err, "data directory "+dir+" is in use by process ")
	})

	t.Run("data survive SIGKILL", func(t *testing.T) {
		require.NoError(t, first.cmd.Process.Kill())
		require.Error(t, first.cmd.Wait())
		second := start(t, dir)
		require.Equal(t, "1000\n", second.ask(t, "SELECT count() FROM t"))

		t.Run("SIGTERM lets a running query end", func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+second.address+"/?wait_end_of_query=1",
				strings.NewReader("SELECT 'waited', sleepEachRow(0.5) FROM numbers(3) SETTINGS max_block_size = 1"))
			require.NoError(t, err)
			answer := make(chan string, 1)
			go func() {
				_, _, text, err := try(r)
				if err != nil {
					text = err.Error()
				}
				answer <- text
			}()
			polltest.Eventually(t, func() bool {
				return second.ask(t, "SELECT count() FROM system.processes WHERE query LIKE '%waited%' AND query NOT LIKE '%processes%'") == "1\n"
			}, waitFor, tick)
			require.NoError(t, second.cmd.Process.Signal(syscall.SIGTERM))
			require.Equal(t, "waited\t0\nwaited\t0\nwaited\t0\n", <-answer)
			require.NoError(t, second.cmd.Wait())
		})
	})
}

func TestShutdownCancelsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	p.ask(t, "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
	answers := make(chan string, 2)
	for _, sql := range []string{
		"SELECT sleepEachRow(1) AS endless FROM numbers(600) SETTINGS max_block_size = 1",
		"INSERT INTO t SELECT sleepEachRow(1) AS endless FROM numbers(600) SETTINGS max_block_size = 1",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.address+"/?wait_end_of_query=1", strings.NewReader(sql))
		require.NoError(t, err)
		go func() {
			_, _, text, err := try(r)
			if err != nil {
				text = err.Error()
			}
			answers <- text
		}()
	}
	polltest.Eventually(t, func() bool {
		return p.ask(t, "SELECT count() FROM system.processes WHERE query LIKE '%endless%' AND query NOT LIKE '%processes%'") == "2\n"
	}, waitFor, tick)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Contains(t, <-answers, "(QUERY_WAS_CANCELLED)")
	require.Contains(t, <-answers, "(QUERY_WAS_CANCELLED)")
	require.NoError(t, p.cmd.Wait())
}
