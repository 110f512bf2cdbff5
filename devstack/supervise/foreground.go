package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Foreground runs cmd in this process's group, so that it has the terminal,
// forwards the signals it receives to it, and returns its exit code; 128 plus
// the signal's number when a signal ended it, as shells do. The error says that
// it could not be run at all.
//
// keep decides whether a received signal is forwarded: one that the terminal
// sent has reached the whole group already. Nil forwards all.
func Foreground(cmd *exec.Cmd, signals <-chan os.Signal, keep func(os.Signal) bool) (int, error) {
	// The thread must live as long as the command; see spawner.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = foregroundAttr()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start command: %w", err)
	}
	finished := make(chan struct{})
	forwarded := make(chan error, 1)
	go func() { forwarded <- forward(cmd.Process, signals, keep, finished) }()
	err := cmd.Wait()
	close(finished)
	if err := <-forwarded; err != nil {
		return 0, err
	}
	var code *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &code):
		if status, ok := code.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return code.ExitCode(), nil
	}
	return 0, fmt.Errorf("wait for command: %w", err)
}

func forward(p *os.Process, signals <-chan os.Signal, keep func(os.Signal) bool, finished <-chan struct{}) error {
	for {
		select {
		case s := <-signals:
			if keep != nil && !keep(s) {
				continue
			}
			if err := p.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return fmt.Errorf("forward signal: %w", err)
			}
		case <-finished:
			return nil
		}
	}
}
