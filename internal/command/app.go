// Package command is the command line of sluice.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/store"
)

// Importers returns the registry of all kinds of imports that sluice knows.
func Importers() *importers.Registry {
	return importers.NewRegistry(csv.New(), noop.New())
}

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit codes beside 0 for success.
const (
	exitFailure     = 1
	exitInterrupted = 130
)

// Run runs a command line, without the program's name, and returns the exit code.
// Errors are written to s.Err.
func Run(ctx context.Context, args []string, s Streams) int {
	app := New(s)
	err := app.RunContext(ctx, append([]string{app.Name}, flagsFirst(app, args)...))
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return exitInterrupted
	}
	var silent silentError
	if !errors.As(err, &silent) {
		if _, werr := fmt.Fprintf(s.Err, "sluice: %s\n", err); werr != nil {
			return exitFailure
		}
	}
	return exitFailure
}

// silentError ends a command that has said already what was wrong.
type silentError struct{ error }

// New returns the command line.
func New(s Streams) *cli.App {
	return &cli.App{
		Name:    "sluice",
		Usage:   "run data imports as durable workflows",
		Version: version.String(),
		Description: "Settings come from defaults (those of `sluice-dev up`), then --config, then SLUICE_... variables.\n" +
			"Temporal is found by TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, as by all of its tools.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read settings from `FILE` (YAML)", EnvVars: []string{"SLUICE_CONFIG"}},
		},
		Commands: []*cli.Command{
			siteCommand(), importCommand(), migrateCommand(), workerCommand(), versionCommand(),
		},
		Reader: s.In, Writer: s.Out, ErrWriter: s.Err,
		ExitErrHandler:       func(*cli.Context, error) {},
		EnableBashCompletion: true,
		CommandNotFound: func(c *cli.Context, name string) {
			// The action below reports it as an error.
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return fmt.Errorf("there is no command %q: see `sluice --help`", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError: usageError,
	}
}

func usageError(c *cli.Context, err error, _ bool) error {
	return fmt.Errorf("%w: see `%s --help`", err, c.Command.HelpName)
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version", Flags: []cli.Flag{outputFlag()}, OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			if asJSON(c) {
				return writeJSON(c, map[string]string{
					"version": version.Version, "commit": version.Commit, "date": version.Date, "description": version.String(),
				})
			}
			_, err := fmt.Fprintln(c.App.Writer, version.String())
			return err
		},
	}
}

// explain adds what a person can do about an error of the store.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrInProgress):
		return fmt.Errorf("%w: wait for it (`sluice import list`) or cancel it (`sluice import cancel ID`)", err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: is the stack up? `sluice-dev up` starts it on this machine", err)
	default:
		return err
	}
}
