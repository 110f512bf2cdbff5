package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// Child is one supervised program: at any time at most one process, restarted
// when it ends. Its methods may be called concurrently.
type Child struct {
	spec  Spec
	sup   *Supervisor
	log   *slog.Logger
	file  *logFile
	lines *lineWriter

	// stop is closed by the first Stop; hurry by the end of a Stop's context.
	stop, hurry         chan struct{}
	stopOnce, hurryOnce sync.Once
	// done is closed when no process is left and none will be started.
	done chan struct{}

	mu       sync.Mutex
	process  *os.Process
	doomed   bool          // the process was sent a signal to end
	ready    chan struct{} // closed while the child is ready
	isReady  bool
	wasReady bool
	starts   int
	err      error // why the child was given up; set before done is closed
}

func newChild(s *Supervisor, spec Spec, file *logFile) *Child {
	c := &Child{
		spec: spec, sup: s, file: file,
		log:   s.cfg.Logger.With("child", spec.Name),
		stop:  make(chan struct{}),
		hurry: make(chan struct{}),
		done:  make(chan struct{}),
		ready: make(chan struct{}),
	}
	fileBroken := false
	c.lines = newLineWriter(s.cfg.TailLines, func(line []byte) {
		if err := s.prefix.writeLine(spec.Name, line); err != nil && file == nil {
			c.log.Debug("child's line not shown", "error", err)
		}
		if file == nil {
			return
		}
		// Said once: a full disk would otherwise produce a line per line.
		if err := file.writeLine(line); err != nil && !fileBroken {
			fileBroken = true
			c.log.Error("child's log file cannot be written", "error", err)
		}
	})
	return c
}

// Name returns the child's name.
func (c *Child) Name() string { return c.spec.Name }

// PID returns the id of the running process, 0 when there is none right now.
func (c *Child) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return 0
	}
	return c.process.Pid
}

// Restarts returns how often the program was started again.
func (c *Child) Restarts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.starts-1, 0)
}

// Tail returns the last lines that the child wrote, oldest first.
func (c *Child) Tail() []string { return c.lines.tail() }

// Done is closed when the child was stopped or given up.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err returns why the child was given up, a [*FailedError], once Done is
// closed; nil if it was stopped.
func (c *Child) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// WaitReady waits until the child serves. It returns a [*FailedError] when the
// child was given up, [ErrStopped] when it was stopped, and the context's error
// when that ends first.
func (c *Child) WaitReady(ctx context.Context) error {
	c.mu.Lock()
	ready := c.ready
	c.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-c.done:
		if err := c.Err(); err != nil {
			return err
		}
		return fmt.Errorf("wait for %s: %w", c.spec.Name, ErrStopped)
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", c.spec.Name, context.Cause(ctx))
	}
}

// Kill sends SIGKILL to the running process, as a crash test would. The child
// counts as not ready from here on, so that WaitReady waits for the process
// that replaces it. It fails when there is no process right now.
func (c *Child) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return fmt.Errorf("kill %s: no process is running", c.spec.Name)
	}
	c.doomed = true
	c.setReadyLocked(false)
	if err := c.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", c.spec.Name, err)
	}
	return nil
}

// Stop ends the child permanently: StopSignal, after StopTimeout or the end of ctx
// SIGKILL to its process group. It returns when no process is left. Stopping a
// child that has ended is no error.
func (c *Child) Stop(ctx context.Context) error {
	c.stopOnce.Do(func() { close(c.stop) })
	select {
	case <-c.done:
	case <-ctx.Done():
		c.hurryOnce.Do(func() { close(c.hurry) })
		<-c.done
	}
	if c.file != nil {
		if err := c.file.close(); err != nil {
			return fmt.Errorf("stop %s: %w", c.spec.Name, err)
		}
	}
	return nil
}

// setReadyLocked keeps the ready channel closed exactly while the child is
// ready. It is called with mu held.
func (c *Child) setReadyLocked(ready bool) {
	switch {
	case ready == c.isReady:
	case ready:
		close(c.ready)
		c.wasReady = true
	default:
		c.ready = make(chan struct{})
	}
	c.isReady = ready
}
