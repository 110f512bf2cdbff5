package stack

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/devstack/supervise"
)

// child returns a started component.
func (s *Stack) child(c Component) (*supervise.Child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	child, ok := s.children[c]
	if !ok {
		return nil, fmt.Errorf("component %q is not part of this stack; it has %v", c, s.order)
	}
	return child, nil
}

// Kill sends SIGKILL to a component's process, as a crash test would. The
// supervisor starts it again; [Stack.WaitReady] waits for that.
func (s *Stack) Kill(c Component) error {
	child, err := s.child(c)
	if err != nil {
		return err
	}
	return child.Kill()
}

// PID returns the id of a component's process, 0 when there is none right now.
func (s *Stack) PID(c Component) (int, error) {
	child, err := s.child(c)
	if err != nil {
		return 0, err
	}
	return child.PID(), nil
}

// Restarts returns how often a component was started again.
func (s *Stack) Restarts(c Component) (int, error) {
	child, err := s.child(c)
	if err != nil {
		return 0, err
	}
	return child.Restarts(), nil
}

// WaitReady waits until the components serve; all that were started when none
// is named.
func (s *Stack) WaitReady(ctx context.Context, components ...Component) error {
	if len(components) == 0 {
		s.mu.Lock()
		components = append(components, s.order...)
		s.mu.Unlock()
	}
	ready, ctx := errgroup.WithContext(ctx)
	for _, c := range components {
		child, err := s.child(c)
		if err != nil {
			return err
		}
		ready.Go(func() error { return child.WaitReady(ctx) })
	}
	return ready.Wait()
}
