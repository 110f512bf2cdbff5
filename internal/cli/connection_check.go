package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
)

func connectionTestCommand() *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "test a connection on a worker", ArgsUsage: "NAME",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "local", Usage: "run the test in this process instead"},
			outputFlag(),
		},
		Action: withSession(testConnection),
	}
}

// testedJSON is the JSON form of a connection test.
type testedJSON struct {
	Connection string   `json:"connection"`
	OK         bool     `json:"ok"`
	Lines      []string `json:"lines"`
	Error      string   `json:"error,omitempty"`
}

func testConnection(ctx context.Context, s *session) error {
	name, err := connectionArg(s.cli)
	if err != nil {
		return err
	}
	service, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	// An unknown name is reported without waiting for a worker.
	info, err := service.Show(ctx, name)
	if err != nil {
		return explainConnection(err)
	}
	tested := testedJSON{Connection: name, Lines: []string{}}
	if s.cli.Bool("local") {
		err = testHere(ctx, service, &tested)
	} else {
		err = testThere(ctx, s, info.Kind, &tested)
	}
	if err != nil {
		return err
	}
	tested.OK = tested.Error == ""
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

// testHere tests a connection in this process.
func testHere(ctx context.Context, service *connections.Connections, tested *testedJSON) error {
	report, err := service.Test(ctx, tested.Connection)
	tested.Lines = append(tested.Lines, report.Lines...)
	if err != nil && ctx.Err() != nil {
		return err
	}
	if err != nil {
		tested.Error = err.Error()
	}
	return nil
}

// testThere tests a connection of a kind on a worker.
func testThere(ctx context.Context, s *session, kind string, tested *testedJSON) error {
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
	result, err := client.TestConnection(ctx, tested.Connection, kind)
	if errors.Is(err, starter.ErrNoAnswer) {
		return fmt.Errorf("%w: start `sluice worker`, or test from this machine with --local", err)
	}
	if err != nil {
		return err
	}
	tested.Lines, tested.Error = append(tested.Lines, result.Lines...), result.Error
	return nil
}

func printTested(c *cli.Context, tested testedJSON) error {
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
