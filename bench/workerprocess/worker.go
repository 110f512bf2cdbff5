// Package workerprocess runs a worker in a process of its own, as in production, and
// tells what it and other processes use.
package workerprocess

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// Worker is a worker in a process of its own.
type Worker struct {
	cmd     *exec.Cmd
	name    string
	address string
	done    chan error
}

// Start starts the worker of a sluice program and waits until it is ready. It ends with
// ctx, or with Stop.
func Start(ctx context.Context, program string) (*Worker, error) {
	return StartProgram(ctx, program, nil, "worker", "--migrate", "--listen")
}

// StartProgram starts a program that serves /readyz at an address, which is put behind the
// arguments, and waits until it is ready. environ is put over the environment. It ends with
// ctx, or with Stop.
func StartProgram(ctx context.Context, program string, environ []string, args ...string) (*Worker, error) {
	address, err := FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	return StartAt(ctx, Program{
		Path: program, Environ: environ, Args: append(slices.Clone(args), address), Address: address, Ready: "/readyz",
	})
}

// Program is a program to start.
type Program struct {
	Path string
	// Environ is put over the environment.
	Environ []string
	// Args are its arguments, without its name. The first one names the process in errors.
	Args []string
	// Address is where it listens, as host:port, and Ready the path that answers 200 there once it is ready.
	Address, Ready string
}

// StartSelf runs the program of this process in a role with these variables of the environment.
func StartSelf(ctx context.Context, environ []string, role string) (*Worker, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return StartProgram(ctx, program, environ, role)
}

// StartAt starts a program and waits until it is ready. It ends with ctx, or with Stop.
func StartAt(ctx context.Context, p Program) (*Worker, error) {
	path, err := filepath.Abs(p.Path)
	if err != nil {
		return nil, err
	}
	//nolint:gosec // G204: the program to measure is the benchmark's argument
	cmd := exec.CommandContext(ctx, path, p.Args...)
	cmd.Env = append(append(os.Environ(), "SLUICE_LOG_LEVEL=WARN"), p.Environ...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	// Kill a process that ignores the signal.
	cmd.WaitDelay = time.Minute
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Args[0], err)
	}
	w := &Worker{cmd: cmd, name: p.Args[0], address: p.Address, done: make(chan error, 1)}
	go func() { w.done <- cmd.Wait() }()
	if err := w.ready(ctx, "http://"+p.Address+p.Ready); err != nil {
		return nil, errors.Join(err, w.Stop())
	}
	return w, nil
}

// Address is where the process listens, as host:port.
func (w *Worker) Address() string { return w.address }

// FreeAddress returns a loopback address, as host:port, at which nothing listens right now.
func FreeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (w *Worker) ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			if err := response.Body.Close(); err != nil {
				return err
			}
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ticker.C:
		case err := <-w.done:
			w.done <- err
			return fmt.Errorf("the process %s ended: %w", w.name, err)
		case <-ctx.Done():
			return fmt.Errorf("the process %s did not get ready within a minute", w.name)
		}
	}
}

// PID is the process's.
func (w *Worker) PID() int { return w.cmd.Process.Pid }

// PeakMiB is the most memory that the process has had in use.
func (w *Worker) PeakMiB() (float64, error) {
	status, err := w.status()
	return float64(status.VmHWM) / (1 << 20), err
}

// ResidentMiB is the memory that the process has in use.
func (w *Worker) ResidentMiB() (float64, error) {
	status, err := w.status()
	return float64(status.VmRSS) / (1 << 20), err
}

func (w *Worker) status() (procfs.ProcStatus, error) {
	p, err := procfs.NewProc(w.PID())
	if err != nil {
		return procfs.ProcStatus{}, err
	}
	return p.NewStatus()
}

// Stop ends the process in order, and waits for it.
func (w *Worker) Stop() error {
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return <-w.done
}

// Kill kills the process, and waits for its end.
func (w *Worker) Kill() error {
	if err := w.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := <-w.done
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil
	}
	return err
}
