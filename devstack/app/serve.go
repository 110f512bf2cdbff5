package app

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/devstack/stack"
)

func serveCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "run the Sluice server in the foreground",
		Action: func(c *cli.Context) error {
			ctx, stop := foreground(c.Context)
			defer stop()
			return hooks.Server(ctx)
		},
	}
}

// signIn says how people sign in to the server of a stack, "" without one.
func (h Hooks) signIn(ctx context.Context, s *stack.Stack) (string, error) {
	if h.SignIn == nil || !s.HasServer() {
		return "", nil
	}
	return h.SignIn(ctx, s.Env())
}

// server returns the stack's server component, nil when this program has none or it is not wanted.
func (h Hooks) server(wanted bool) *stack.Server {
	if !wanted || h.Server == nil {
		return nil
	}
	return &stack.Server{Args: []string{"serve"}, Ready: h.ServerReady}
}
