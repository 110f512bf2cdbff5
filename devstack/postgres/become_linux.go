package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sluicehq/sluice/devstack/supervise"
)

// become replaces this process with program, run as the account. It returns
// only if that fails.
func become(_ context.Context, program string, args, env []string, dir string, as *account) error {
	// Credentials and the parent death signal belong to a thread, and exec
	// makes the calling thread the whole process: all of it happens on one. Raw
	// system calls change this thread alone, which is what is wanted; the
	// thread never goes back to the pool, whatever happens.
	runtime.LockOSThread()
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("enter data folder: %w", err)
	}
	parent := os.Getppid()
	if as != nil {
		if err := drop(as); err != nil {
			return fmt.Errorf("become %s: %w", as.name, err)
		}
	}
	// Our supervisor asked that we die with it; the change of user has cleared
	// that. It survives exec, the server's program being neither set-user-ID
	// nor privileged. Started by hand, we do as any server in a shell.
	if supervise.HasLifeline() {
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
			return fmt.Errorf("set parent death signal: %w", err)
		}
		if os.Getppid() != parent {
			return errors.New("parent died while PostgreSQL was starting")
		}
	}
	if err := syscall.Exec(program, args, env); err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	return nil
}

// drop gives up root for the calling thread.
func drop(as *account) error {
	for _, call := range []struct {
		name string
		trap uintptr
		a, b uintptr
	}{
		{"setgroups", unix.SYS_SETGROUPS, 0, 0},
		{"setgid", unix.SYS_SETGID, uintptr(as.gid), 0},
		{"setuid", unix.SYS_SETUID, uintptr(as.uid), 0},
	} {
		if _, _, errno := unix.RawSyscall(call.trap, call.a, call.b, 0); errno != 0 {
			return fmt.Errorf("%s: %w", call.name, errno)
		}
	}
	return nil
}
