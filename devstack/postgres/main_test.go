package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/ports"
)

// The test binary is also the program that becomes PostgreSQL, since Run does
// not return.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "run-postgres" {
		err := Run(context.Background(), Config{
			BinDir: os.Args[2], DataDir: os.Args[3], Address: os.Args[4],
			Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		})
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// passable returns a temporary folder that PostgreSQL's account may enter;
// those of the testing package are closed to others.
func passable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice-postgres-test-") //nolint:usetesting // See above.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

func binDir(t *testing.T) string {
	t.Helper()
	bin, err := engines.PostgresBin("")
	require.NoError(t, err)
	return bin
}

// server is one running process.
type server struct {
	cmd  *exec.Cmd
	dsn  string
	done chan error
}

// launch starts a server on dir and waits until it answers.
func launch(t *testing.T, bin, dir string) *server {
	t.Helper()
	free, err := ports.Free("127.0.0.1", 1)
	require.NoError(t, err)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(free[0]))
	s := &server{
		cmd:  exec.Command(os.Args[0], "run-postgres", bin, dir, address),
		dsn:  "postgres://sluice@" + address + "/sluice?sslmode=disable",
		done: make(chan error, 1),
	}
	logFile, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	s.cmd.Stdout, s.cmd.Stderr = logFile, logFile
	require.NoError(t, s.cmd.Start())
	require.NoError(t, logFile.Close())
	go func() { s.done <- s.cmd.Wait() }()
	// An orderly end: a killed server leaves a shared memory segment to its
	// successor, and there is none.
	t.Cleanup(func() { s.signal(t, syscall.SIGINT) })
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(t.Context(), s.dsn)
		if err != nil {
			return false
		}
		return conn.Close(t.Context()) == nil
	}, 30*time.Second, 20*time.Millisecond, "see %s", logFile.Name())
	return s
}

// signal ends the server and waits for it. A second call does nothing.
func (s *server) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if s.done == nil {
		return
	}
	require.NoError(t, s.cmd.Process.Signal(sig))
	err := <-s.done
	s.done = nil
	if sig == syscall.SIGINT {
		require.NoError(t, err, "a fast shutdown is a success")
	}
}

// query returns the single value of a statement.
func (s *server) query(t *testing.T, sql string, args ...any) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&value))
	return value
}

func (s *server) exec(t *testing.T, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}
