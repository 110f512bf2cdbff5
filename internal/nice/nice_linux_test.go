package nice

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// childVariable has the nice value that TestProcess gives a process of its own: the change cannot be undone.
const childVariable = "SLUICE_TEST_NICE"

func TestProcess(t *testing.T) {
	t.Parallel()
	if text := os.Getenv(childVariable); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		checkProcess(t, n)
		return
	}
	own, err := value(0)
	require.NoError(t, err)
	for _, n := range []int{0, own + 1, 19} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcess$")
		child.Env = append(os.Environ(), childVariable+"="+strconv.Itoa(n))
		output, err := child.CombinedOutput()
		require.NoError(t, err, "nice value %d: %s", n, output)
	}
}

// checkProcess changes this process, which has threads and starts others.
func checkProcess(t *testing.T, n int) {
	t.Helper()
	before, err := value(0)
	require.NoError(t, err)
	stop := make(chan struct{})
	hold := func() {
		runtime.LockOSThread()
		<-stop
	}
	defer close(stop)
	for range 20 {
		go hold()
	}
	require.NoError(t, Process(n))
	require.NoError(t, Process(max(n-1, 0)), "it must not lower a value")
	for range 20 {
		go hold()
	}
	threads, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	require.NotEmpty(t, threads)
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		require.NoError(t, err)
		have, err := value(id)
		if errors.Is(err, syscall.ESRCH) {
			continue
		}
		require.NoError(t, err)
		require.Equal(t, max(before, n), have, "thread %d of %d", id, len(threads))
	}
}
