// Package cli is the command line of sluice.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/clickhouse"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/googleanalytics4"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/notify/webhook"
	"github.com/sluicehq/sluice/store"
)

// Importers returns the registry of all kinds of imports that sluice knows. What they may reach
// is a matter of the settings.
func Importers(settings config.Config) *importers.Registry {
	return importers.NewRegistry(
		csv.Within(settings.CSV.Folders()),
		googleanalytics4.New(googleanalytics4.Config{Guard: settings.Connections.Guard(googleanalytics4.Name)}),
		noop.New())
}

// Connections returns the registry of all kinds of connections that sluice knows. What their
// tests may reach is a matter of the settings.
func Connections(settings config.Connections) *connections.Registry {
	return connections.NewRegistry(
		clickhouse.Kind{Guard: settings.Guard(clickhouse.KindName)},
		googleanalytics4.ConnectionKind(settings.Guard(googleanalytics4.Name)),
		postgres.Kind{Guard: settings.Guard(postgres.KindName)},
		smtp.Kind{Guard: settings.Guard(smtp.KindName)},
		webhook.NewKind(settings.Guard(webhook.KindName)))
}

// Streams are where a command reads and writes, and what it takes for its
// environment.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Environ is the environment as KEY=value. Defaults to the process's.
	Environ []string
	// Kinds are the kinds of connections. Defaults to Connections(settings).
	Kinds *connections.Registry
	// Destinations are those that there are. Defaults to Destinations(settings).
	Destinations *destinations.Registry
}

// Run runs a command line, without the program's name, and returns the exit code: 130 if
// ctx ended, else that of docs/exit-codes.md. Errors are written to s.Err.
func Run(ctx context.Context, args []string, s Streams) int {
	out, stderr := terminal.NewWriter(s.Out), terminal.NewWriter(s.Err)
	s.Out, s.Err = out, stderr
	app := New(s)
	err := app.RunContext(ctx, append([]string{app.Name}, flagsFirst(app, args)...))
	err = errors.Join(err, out.Flush(), stderr.Flush())
	if err == nil {
		return exitDone
	}
	// Whatever fails after an interrupt fails because of it.
	interrupted := ctx.Err() != nil
	said := interrupted && errors.Is(err, context.Canceled)
	var coded exitError
	if silent := errors.As(err, &coded) && coded.silent; !said && !silent {
		if _, werr := fmt.Fprintf(s.Err, "sluice: %s\n", explainFault(err)); werr != nil {
			return exitFailure
		}
	}
	if interrupted {
		return exitInterrupted
	}
	return codeOf(err)
}

// Where the environment, the kinds of connections and the destinations stand in the app's
// metadata.
const (
	environKey      = "environ"
	kindsKey        = "kinds"
	destinationsKey = "destinations"
)

// New returns the command line.
func New(s Streams) *cli.App {
	if s.Environ == nil {
		s.Environ = os.Environ()
	}
	// Everything that is shown passes here: control characters of data do not reach a terminal.
	s.Out, s.Err = terminal.NewWriter(s.Out), terminal.NewWriter(s.Err)
	app := &cli.App{
		Name:    "sluice",
		Usage:   "run data imports as durable workflows",
		Version: version.String(),
		Description: "Settings come from defaults (those of `sluice-dev up`), then --config, then SLUICE_... variables.\n" +
			"Temporal is found by TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, as by all of its tools.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read settings from `FILE` (YAML); SLUICE_CONFIG names one too"},
		},
		Commands: []*cli.Command{
			siteCommand(), importCommand(), reviewCommand(), locksCommand(), scheduleCommand(), connectionCommand(),
			keysetCommand(), notificationCommand(), destinationCommand(), jobCommand(), eventCommand(), flowCommand(),
			applyCommand(), diffCommand(), generateCommand(), migrateCommand(), workerCommand(),
			versionCommand(), helpCommand(),
		},
		Reader: s.In, Writer: s.Out, ErrWriter: s.Err,
		Metadata: map[string]any{environKey: s.Environ, kindsKey: s.Kinds, destinationsKey: s.Destinations},
		// Values of flags may hold commas: --set a=b,c is one setting.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		EnableBashCompletion:      true,
		HideHelp:                  true,
		HideVersion:               true,
		Action:                    beforeBegin(chooseCommand),
		OnUsageError:              usageError,
	}
	app.Flags = append(app.Flags, helpFlag(), &cli.BoolFlag{
		Name: "version", Aliases: []string{"v"}, Usage: "print the version", DisableDefaultText: true,
	})
	polish(app.Commands)
	return app
}

// environ returns the environment that the command runs in.
func environ(c *cli.Context) []string {
	all, ok := c.App.Metadata[environKey].([]string)
	if !ok {
		return os.Environ()
	}
	return all
}

// kinds returns the kinds of connections that the command knows. Their tests reach what the
// settings allow.
func kinds(c *cli.Context, settings config.Connections) *connections.Registry {
	all, ok := c.App.Metadata[kindsKey].(*connections.Registry)
	if !ok || all == nil {
		return Connections(settings)
	}
	return all
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version", Flags: []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			if asJSON(c) {
				return writeJSON(c, map[string]string{
					"version": version.Version, "commit": version.Commit, "date": version.Date, "description": version.String(),
				})
			}
			return say(c, "%s", version.String())
		},
	}
}

// explain adds what a person can do about an error of the store.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrLimit):
		return fmt.Errorf("%w: delete some (`sluice import delete ID`), or raise limits.imports_per_site", err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: is the stack up? `sluice-dev up` starts it on this machine", err)
	default:
		return err
	}
}
