package app

import (
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/devstack/stack"
)

func workerCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "worker",
		Usage: "run the Sluice worker in the foreground",
		Action: func(c *cli.Context) error {
			ctx, stop := foreground(c.Context)
			defer stop()
			return hooks.Worker(ctx)
		},
	}
}

// worker returns the stack's worker component, nil when this program has none
// or it is not wanted.
func (h Hooks) worker(wanted bool) *stack.Worker {
	if !wanted || h.Worker == nil {
		return nil
	}
	return &stack.Worker{Args: []string{"worker"}, Prepare: h.Prepare, Ready: h.WorkerReady}
}

// upWorker returns the worker component of `up`: that of this program, or the program that
// --worker names, nil with --no-worker.
func (h Hooks) upWorker(c *cli.Context) (*stack.Worker, error) {
	w := h.worker(!c.Bool("no-worker"))
	if !c.IsSet("worker") {
		return w, nil
	}
	if w == nil {
		return nil, fmt.Errorf("%w: --worker and --no-worker are both set: use one", errUsage)
	}
	// The search ends at once where the name has a slash. Processes have other working folders.
	found, err := exec.LookPath(c.String("worker"))
	if err == nil {
		found, err = filepath.Abs(found)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: --worker: %w", errUsage, err)
	}
	// The program may have other migrations than this one.
	w.Program, w.Args, w.Prepare = found, []string{"worker", "--migrate"}, nil
	return w, nil
}
