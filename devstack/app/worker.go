package app

import (
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
