package app

import (
	"context"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/devstack/stack"
)

func demoCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "run everything, import a sample export, and stay until Ctrl-C",
		Flags: append(upFlags(hooks),
			&cli.BoolFlag{Name: "once", Usage: "stop when the import has been verified"}),
		Action: func(c *cli.Context) error {
			// The engines' output would tear the progress display apart.
			return up(c, hooks, nil, func(ctx context.Context, s *stack.Stack) error {
				err := hooks.Demo(ctx, filepath.Join(s.DataDir(), "demo"), s.Env(), hooks.Stdout, hooks.Stderr)
				if err != nil || c.Bool("once") {
					return err
				}
				return s.Wait(ctx)
			})
		},
	}
}
