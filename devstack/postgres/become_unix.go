//go:build unix && !linux

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// become runs program as a child: without a parent death signal someone has to
// stay and watch the lifeline. The end of ctx is a fast shutdown. A SIGKILL of
// this process alone leaves the server running; the next start finds it by its
// postmaster.pid.
func become(ctx context.Context, program string, args, env []string, dir string, as *account) error {
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = as.sysProcAttr()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	err := cmd.Run()
	if err != nil && !(ctx.Err() != nil && errors.Is(err, ctx.Err())) {
		return fmt.Errorf("run %s: %w", program, err)
	}
	return nil
}
