package workerprocess

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	// The name of a program may hold anything.
	s, err := parseStat("42 (a) b) S 7 42 42 0 -1 4194304 1 2 3 4 150 50 30 20 20 0 1 0 1 1 1")
	require.NoError(t, err)
	require.Equal(t, stat{parent: 7, used: 2500 * time.Millisecond}, s)
	_, err = parseStat("42 (a) S 7")
	require.ErrorContains(t, err, "too few fields")
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	parent, err := Parent(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, os.Getppid(), parent)

	word := strconv.Itoa(os.Getpid()) + "000"
	_, err = Find("sleep", word)
	require.ErrorContains(t, err, "0 processes")
	child := exec.CommandContext(t.Context(), "sleep", word)
	require.NoError(t, child.Start())
	pid, err := Find("sleep", word)
	require.NoError(t, err)
	require.Equal(t, child.Process.Pid, pid)
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
