package destinations

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Lifecycle initialises destinations and actions that have hooks, and shuts them down. It
// is used by one goroutine at a time.
//
// Start goes through the destinations by name, and inits each before its actions, which
// follow in their own order. Stop goes the same way back: a destination is shut down after
// its actions. Should an Init fail, nothing further is initialised, and what was is shut
// down.
type Lifecycle struct {
	registry *Registry
	tk       *Toolkit
	// running are those whose Init has succeeded, in that order.
	running []hooked
}

// hooked is a destination or an action with hooks.
type hooked struct {
	name string
	// kind is InterfaceDestination or InterfaceAction.
	kind  string
	hooks WithHooks
}

// NewLifecycle returns the lifecycle of all destinations of a registry.
func NewLifecycle(r *Registry, tk *Toolkit) *Lifecycle {
	return &Lifecycle{registry: r, tk: tk.withDefaults()}
}

// Start initialises all destinations. The error is that of the Init that has failed; those
// of shutting down what was initialised before are logged. A panic counts as an error.
func (l *Lifecycle) Start(ctx context.Context) error {
	if len(l.running) > 0 {
		return errors.New("start destinations: they are started already")
	}
	for _, h := range hookedOf(l.registry) {
		if err := guard(func() error { return h.hooks.Init(ctx, l.tk) }); err != nil {
			// The context may be what has failed.
			l.Stop(context.WithoutCancel(ctx))
			return fmt.Errorf("init %s: %w", h.name, err)
		}
		l.running = append(l.running, h)
	}
	return nil
}

// Stop shuts down the initialised destinations. Errors are logged and do not stop it. Further calls
// have no effect.
func (l *Lifecycle) Stop(ctx context.Context) {
	for _, h := range slices.Backward(l.running) {
		if err := guard(func() error { return h.hooks.Shutdown(ctx, l.tk) }); err != nil {
			l.tk.Logger.Error("a destination could not be shut down", "interface", h.kind, "name", h.name, "error", err)
		}
	}
	l.running = nil
}

// hookedOf returns whatever has hooks, in the order of their Inits.
func hookedOf(r *Registry) []hooked {
	var all []hooked
	for _, d := range r.All() {
		if hooks, ok := d.(WithHooks); ok {
			all = append(all, hooked{d.Name(), InterfaceDestination, hooks})
		}
		for _, a := range d.Actions() {
			if hooks, ok := a.(WithHooks); ok {
				all = append(all, hooked{d.Name() + "/" + a.Name(), InterfaceAction, hooks})
			}
		}
	}
	return all
}

// guard turns a panic into an error. The value that was panicked with is left out: it may
// hold anything.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w (%T)", ErrPanic, p)
		}
	}()
	return fn()
}

// ErrPanic means that a destination has panicked.
var ErrPanic = errors.New("the destination has panicked")
