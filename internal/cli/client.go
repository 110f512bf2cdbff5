package cli

import (
	"context"

	"github.com/urfave/cli/v2"
)

// withClient is the action of a command without arguments that needs a client.
func withClient[C any](
	open func(*session, context.Context) (C, error), run func(ctx context.Context, s *session, client C) error,
) cli.ActionFunc {
	none := func(*cli.Context) (struct{}, error) { return struct{}{}, nil }
	return withArg(none, open, func(ctx context.Context, s *session, _ struct{}, client C) error {
		return run(ctx, s, client)
	})
}

// withArg is the action of a command that takes an argument and needs a client. read returns the argument; it comes
// first, so that a fault of the command line needs no connection to be reported.
func withArg[A, C any](
	read func(*cli.Context) (A, error), open func(*session, context.Context) (C, error),
	run func(ctx context.Context, s *session, arg A, client C) error,
) cli.ActionFunc {
	return withSession(func(ctx context.Context, s *session) error {
		arg, err := read(s.cli)
		if err != nil {
			return err
		}
		client, err := open(s, ctx)
		if err != nil {
			return err
		}
		return run(ctx, s, arg, client)
	})
}

// named returns the reader of a single argument, such as "a site's domain".
func named(what string) func(*cli.Context) (string, error) {
	return func(c *cli.Context) (string, error) { return oneArg(c, what) }
}

// siteArg returns the command's single argument, the domain of a site.
func siteArg(c *cli.Context) (string, error) { return oneArg(c, "a site's domain") }

// limited returns the reader of --limit, 1 to most.
func limited(most int) func(*cli.Context) (int, error) {
	return func(c *cli.Context) (int, error) { return limitFlag(c, most) }
}
