package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
)

// dyingFor is the time that a server may take to end before it counts as running. After SIGKILL of
// the postmaster its backends notice within milliseconds, but write-back of dirty memory may delay
// them.
const dyingFor = 10 * time.Second

// clearStalePID removes a postmaster.pid whose process is gone or is another
// program now. PostgreSQL removes the former itself but refuses to start on
// the latter, which is common in containers, where process ids are few and
// start anew.
func clearStalePID(ctx context.Context, cluster string) error {
	path := filepath.Join(cluster, "postmaster.pid")
	giveUp := time.Now().Add(dyingFor)
	for range delay.Rounds(ctx, 50*time.Millisecond) {
		pid, err := readPID(path)
		if err != nil || pid == 0 {
			return err
		}
		if !runs(pid, cluster) {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove stale postmaster.pid: %w", err)
			}
			return nil
		}
		if time.Now().After(giveUp) {
			return fmt.Errorf("%w: process %d runs on %s; stop it first", ErrRunning, pid, cluster)
		}
	}
	return ctx.Err()
}

// readPID returns the process id in the file, 0 when there is no such file or
// no number in it, as after a crash while it was written.
func readPID(path string) (int, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read postmaster.pid: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0, nil //nolint:nilerr // PostgreSQL itself says what it thinks of such a file.
	}
	return pid, nil
}

// runs tells whether process pid is a server on the cluster. Where the system
// cannot tell (no /proc), any living process counts, which leaves the decision
// to PostgreSQL's own, more cautious, check.
func runs(pid int, cluster string) bool {
	if pid <= 0 || pid == os.Getpid() {
		return false
	}
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	proc := procFolder(pid)
	cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
	if err != nil {
		if _, statErr := os.Stat(proc); statErr == nil {
			// The process is someone else's or has just died. A server of ours
			// would be readable, as we are root or its owner.
			return false
		}
		return !exists("/proc/self")
	}
	folder, err := filepath.EvalSymlinks(cluster)
	return err == nil && cwd == folder
}

// procFolder is where Linux describes a process.
func procFolder(pid int) string { return "/proc/" + strconv.Itoa(pid) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
