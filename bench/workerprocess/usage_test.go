package workerprocess

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProcesses(t *testing.T) {
	t.Parallel()
	parent, err := Parent(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, os.Getppid(), parent)

	word := strconv.Itoa(os.Getpid()) + "000"
	_, err = Find("sleep", word)
	require.ErrorContains(t, err, "0 processes")
	// The name of a program may hold anything.
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	odd := filepath.Join(t.TempDir(), "a) b")
	require.NoError(t, os.Symlink(sleep, odd))
	child := exec.CommandContext(t.Context(), odd, word)
	child.Args[0] = "sleep"
	require.NoError(t, child.Start())
	pid, err := Find("sleep", word)
	require.NoError(t, err)
	require.Equal(t, child.Process.Pid, pid)
	parent, err = Parent(pid)
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), parent)
	before, err := CPU(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, child.Process.Kill())
	require.ErrorContains(t, child.Wait(), "killed")
	after, err := CPU(os.Getpid())
	require.NoError(t, err)
	require.GreaterOrEqual(t, after, before)
	_, err = CPU(child.Process.Pid)
	require.ErrorContains(t, err, "has ended")
}
