package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
)

func connectionTestCommand() *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "test a connection on a worker", ArgsUsage: "NAME",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "local", Usage: "run the test in this process instead"},
			outputFlag(),
		},
		Action: withArg(connectionArg, (*session).Connections, testConnection),
	}
}

func testConnection(ctx context.Context, s *session, name string, service *connectclient.Connections) error {
	test := service.Test
	if s.cli.Bool("local") {
		test = service.TestHere
	}
	tested, err := test(ctx, name)
	if errors.Is(err, starter.ErrNoAnswer) {
		return fmt.Errorf("%w: start `sluice worker`, or test from this machine with --local", err)
	}
	if err != nil {
		return explainConnection(err)
	}
	if asJSON(s.cli) {
		err = writeJSON(s.cli, tested)
	} else {
		err = printTested(s.cli, tested)
	}
	if err != nil || tested.OK {
		return err
	}
	failed := errors.New(tested.Error)
	if asJSON(s.cli) {
		// The object has the error.
		return silently(exitFailure, failed)
	}
	return failed
}

func printTested(c *cli.Context, tested connectclient.Tested) error {
	for _, line := range tested.Lines {
		if err := say(c, "%s %s", terminal.Paint(c.App.Writer, terminal.Green, "ok"), line); err != nil {
			return err
		}
	}
	if !tested.OK {
		return nil
	}
	return say(c, "connection %s works", tested.Connection)
}
