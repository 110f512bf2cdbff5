package app

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
)

// These look at processes through /proc.
func TestUpProcesses(t *testing.T) {
	t.Parallel()

	t.Run("leaves no process and no port behind when it is killed", func(t *testing.T) {
		t.Parallel()
		dir := passable(t)
		args, a := upArgs(t, dir)
		p := run(t, args...)
		p.await(t, "Ready.")
		group := descendants(t, p.cmd.Process.Pid)
		require.GreaterOrEqual(t, len(group), 4+1, "four children and PostgreSQL's own")
		p.signal(t, syscall.SIGKILL)
		require.Equal(t, -1, p.code(t))
		for _, pid := range group {
			require.Eventually(t, func() bool { return !alive(pid) }, 30*time.Second, 10*time.Millisecond, "process %d is left", pid)
		}
		requireFree(t, a)

		// The earlier data exist, and no port is taken.
		again := run(t, args...)
		again.await(t, "Ready.")
		again.signal(t, syscall.SIGTERM)
		require.Zero(t, again.code(t))
	})

	t.Run("restarts what was killed", func(t *testing.T) {
		t.Parallel()
		args, _ := upArgs(t, passable(t))
		p := run(t, append(args, "--no-worker")...)
		p.await(t, "Ready.")
		for _, pid := range children(t, p.cmd.Process.Pid) {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		for _, name := range []string{"postgres", "clickhouse", "temporal"} {
			p.await(t, `msg="child ended, starting it again" child=`+name)
		}
		polltest.Eventually(t, func() bool { return len(children(t, p.cmd.Process.Pid)) == 3 }, time.Minute, 20*time.Millisecond)
		p.signal(t, syscall.SIGTERM)
		require.Zero(t, p.code(t))
	})
}

// children returns the ids of a process's children.
func children(t *testing.T, pid int) []int {
	t.Helper()
	tasks, err := filepath.Glob(filepath.Join(procFolder(pid), "task", "*", "children"))
	require.NoError(t, err)
	var found []int
	for _, task := range tasks {
		content, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(content)) {
			child, err := strconv.Atoi(field)
			require.NoError(t, err)
			found = append(found, child)
		}
	}
	return found
}

// descendants returns the ids of all processes below one.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	var found []int
	for _, child := range children(t, pid) {
		found = append(append(found, child), descendants(t, child)...)
	}
	return found
}

// procFolder is where the kernel describes a process.
func procFolder(pid int) string { return "/proc/" + strconv.Itoa(pid) }

// alive tells whether a process is there and not merely waiting to be reaped.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join(procFolder(pid), "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
