package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// exit is how one process of a child ended.
type exit struct {
	err      error         // nil for exit code 0
	readyFor time.Duration // how long it was ready; 0 if it never was
	stopped  bool          // it was asked to
}

// supervise runs processes one after the other until the child is stopped or
// given up. It is the owner of the child's state and of every goroutine below.
func (c *Child) supervise() {
	defer close(c.done)
	pauses := backoff{minimum: c.spec.MinBackoff, maximum: c.spec.MaxBackoff}
	failures := 0
	for {
		e := c.runOnce()
		if e.stopped {
			return
		}
		if e.readyFor >= c.spec.HealthyAfter {
			pauses.reset()
		}
		if e.readyFor > 0 {
			failures = 0
		} else {
			failures++
		}
		if e.err == nil {
			e.err = errors.New("exited without being asked to")
		}
		if c.givenUp(e, failures) {
			return
		}
		pause := pauses.next()
		c.reportExit(e, failures, pause)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-c.stop:
			timer.Stop()
			return
		}
	}
}

// givenUp records the final error if another start cannot help.
func (c *Child) givenUp(e exit, failures int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var code *exec.ExitError
	permanent := errors.As(e.err, &code) && code.ExitCode() == ExitPermanent
	hopeless := !c.wasReady && failures >= c.spec.MaxStartFailures
	if permanent || hopeless {
		c.err = &FailedError{Name: c.spec.Name, Attempts: failures, Cause: e.err, Tail: c.lines.tail()}
		return true
	}
	return false
}

// reportExit logs one exit. A child that keeps failing says so with its last
// lines, at the 3rd failure in a row and at every 10th.
func (c *Child) reportExit(e exit, failures int, pause time.Duration) {
	attrs := []any{"cause", e.err.Error(), "restart_in", pause.Round(time.Millisecond)}
	if failures == 3 || failures > 0 && failures%10 == 0 {
		c.log.Error("child keeps failing", append(attrs, "failures", failures, "last_lines", c.lines.tail())...)
		return
	}
	c.log.Warn("child ended, starting it again", attrs...)
}

// runOnce starts one process and returns when it is gone.
func (c *Child) runOnce() exit {
	select {
	case <-c.stop:
		return exit{stopped: true}
	default:
	}
	cmd := exec.Command(c.spec.Path, c.spec.Args...) //nolint:noctx // It is ended by signals, see await.
	cmd.Dir = c.spec.Dir
	cmd.Env = append(append([]string(nil), c.spec.Env...), LifelineVariable+"=stdin")
	cmd.SysProcAttr = sysProcAttr()
	cmd.Stdout, cmd.Stderr = c.lines, c.lines // equal, so that one pipe keeps their order
	// A grandchild that holds the pipe must not keep us from noticing the exit.
	cmd.WaitDelay = 2 * time.Second
	lifeline, err := cmd.StdinPipe()
	if err == nil {
		err = c.sup.spawner.start(cmd)
	}
	if err != nil {
		return exit{err: fmt.Errorf("start process: %w", err)}
	}
	c.began(cmd.Process)
	gone := make(chan error, 1)
	go func() {
		gone <- cmd.Wait() // ends with the process; received below on every path
	}()
	m := c.monitor()
	e := c.await(cmd, gone, m)
	// What the process has started and left behind would be an orphan.
	c.killGroup(cmd)
	c.ended()
	e.readyFor = m.end()
	c.lines.flush()
	// Wait has closed it already; this is for the path on which it failed.
	if err := lifeline.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		c.log.Debug("lifeline not closed", "error", err)
	}
	return e
}

// await returns when the process is gone, which it sees to when the child is
// stopped or its monitor gives the process up.
func (c *Child) await(cmd *exec.Cmd, gone <-chan error, m *monitor) exit {
	select {
	case err := <-gone:
		return exit{err: ignoreWaitDelay(err)}
	case err := <-m.failed:
		c.killGroup(cmd)
		c.logEnd(<-gone)
		return exit{err: err}
	case <-c.stop:
	}
	c.doom()
	if err := cmd.Process.Signal(c.spec.StopSignal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.log.Warn("stop signal not sent", "error", err)
	}
	timer := time.NewTimer(c.spec.StopTimeout)
	defer timer.Stop()
	select {
	case err := <-gone:
		c.logEnd(err)
		return exit{stopped: true}
	case <-c.hurry:
	case <-timer.C:
		c.log.Warn("child did not stop in time and is killed", "timeout", c.spec.StopTimeout)
	}
	c.killGroup(cmd)
	c.logEnd(<-gone)
	return exit{stopped: true}
}

// logEnd notes how a process ended that we have ended.
func (c *Child) logEnd(err error) { c.log.Debug("child stopped", "exit", err) }

// killGroup kills the process and whatever it has started in its group, if any
// of them is left.
func (c *Child) killGroup(cmd *exec.Cmd) {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		c.log.Warn("child not killed", "error", err)
	}
}

// ignoreWaitDelay treats output that was still held open by a grandchild as
// what it is: no failure of the child.
func ignoreWaitDelay(err error) error {
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

func (c *Child) began(p *os.Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = p
	c.doomed = false
	c.starts++
}

func (c *Child) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = nil
	c.setReadyLocked(false)
}

func (c *Child) doom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doomed = true
	c.setReadyLocked(false)
}
