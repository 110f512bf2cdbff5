package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/devstack/supervise"
)

// Stack is one set of running components. Its methods may be called
// concurrently, except Start and Stop with themselves and each other.
type Stack struct {
	cfg  Config
	lock *folderLock
	sup  *supervise.Supervisor

	mu       sync.Mutex
	children map[Component]*supervise.Child
	order    []Component
}

// New returns a stack that is not started.
func New(cfg Config) (*Stack, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("stack config: %w", err)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("stack config: %w", err)
	}
	return &Stack{cfg: cfg, children: make(map[Component]*supervise.Child)}, nil
}

// Addresses returns where the components listen.
func (s *Stack) Addresses() Addresses { return s.cfg.Addresses }

// DataDir returns the absolute path of the data folder.
func (s *Stack) DataDir() string { return s.cfg.DataDir }

// HasWorker tells whether the worker is part of the stack.
func (s *Stack) HasWorker() bool { return s.cfg.Worker != nil }

// HasServer tells whether the server and the event log are part of the stack.
func (s *Stack) HasServer() bool { return s.cfg.Server != nil }

// Start starts the engines together, waits until all are ready, then prepares
// and starts the worker, then the server. On an error nothing is left running.
//
// Errors: [ErrLocked], a [*PortsError] with every taken port, and a
// [*supervise.FailedError] of the first component that was given up. A port
// that was free when it was looked at and taken afterwards shows up as the
// latter: with [FreeAddresses], try again with new ones.
func (s *Stack) Start(ctx context.Context) (err error) {
	// Folders on the way are passable for all, because PostgreSQL may have to
	// run as another user; each engine protects its own.
	if err := os.MkdirAll(s.cfg.DataDir, 0o755); err != nil { //nolint:gosec // See above.
		return fmt.Errorf("make data folder: %w", err)
	}
	if s.lock, err = lockFolder(s.cfg.DataDir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// The caller's context may be the reason; cleaning up is not its
			// business any more.
			err = errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if err := s.ensureKeyset(); err != nil {
		return err
	}
	if err := s.ensureEventLogToken(); err != nil {
		return err
	}
	if err := s.ensureRefdata(); err != nil {
		return err
	}
	if err := checkPorts(ctx, s.cfg.endpoints()); err != nil {
		return err
	}
	s.sup, err = supervise.New(supervise.Config{
		Logger: s.cfg.Logger, Output: s.cfg.Output, Colour: s.cfg.Colour, LogDir: s.dir("logs"),
	})
	if err != nil {
		return err
	}
	if err := s.startEngines(ctx); err != nil {
		return err
	}
	if s.cfg.Worker != nil {
		if err := s.startWorker(ctx); err != nil {
			return err
		}
	}
	if s.cfg.Server == nil {
		return nil
	}
	child, err := s.launch(s.serverSpec()) //nolint:contextcheck // A child outlives the call that starts it.
	if err != nil {
		return err
	}
	return child.WaitReady(ctx)
}

func (s *Stack) startEngines(ctx context.Context) error {
	specs, err := s.engineSpecs()
	if err != nil {
		return err
	}
	for _, spec := range specs {
		s.sup.Announce(spec.Name)
	}
	s.mu.Lock()
	clear(s.children) // of a run before
	s.order = nil
	s.mu.Unlock()
	ready, ctx := errgroup.WithContext(ctx)
	for _, spec := range specs {
		child, err := s.launch(spec) //nolint:contextcheck // A child outlives the call that starts it.
		if err != nil {
			return errors.Join(err, ready.Wait())
		}
		ready.Go(func() error { return child.WaitReady(ctx) })
	}
	return ready.Wait()
}

func (s *Stack) startWorker(ctx context.Context) error {
	if s.cfg.Worker.Prepare != nil {
		if err := s.cfg.Worker.Prepare(ctx, s.Env()); err != nil {
			return fmt.Errorf("prepare for the worker: %w", err)
		}
	}
	child, err := s.launch(s.workerSpec()) //nolint:contextcheck // A child outlives the call that starts it.
	if err != nil {
		return err
	}
	return child.WaitReady(ctx)
}

func (s *Stack) launch(spec supervise.Spec) (*supervise.Child, error) {
	child, err := s.sup.Start(spec)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children[Component(spec.Name)] = child
	s.order = append(s.order, Component(spec.Name))
	return child, nil
}

// Stop stops the components in the reverse order of their start, each within
// its bound, and releases the data folder. When ctx ends it kills what is left.
// Stopping a stack that is not running does nothing.
func (s *Stack) Stop(ctx context.Context) error {
	var errs []error
	if s.sup != nil {
		errs = append(errs, s.sup.Close(ctx))
		s.sup = nil
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
		s.lock = nil
	}
	return errors.Join(errs...)
}

// Wait returns nil when ctx ends, and the error of the first component that is
// given up if that comes first.
func (s *Stack) Wait(ctx context.Context) error {
	s.mu.Lock()
	children := make([]*supervise.Child, 0, len(s.order))
	for _, c := range s.order {
		children = append(children, s.children[c])
	}
	s.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, child := range children {
		group.Go(func() error {
			select {
			case <-child.Done():
				return child.Err()
			case <-ctx.Done():
				return nil
			}
		})
	}
	return group.Wait()
}
