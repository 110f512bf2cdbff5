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
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/internal/version"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Streams are the input, output and environment of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Environ is the environment as KEY=value. Defaults to the process's.
	Environ []string
	// Components are what the program knows. Defaults to components.Stock.
	Components components.Provider
}

// Run runs a command line, without the program's name, and returns the exit code: 130 if
// ctx ended, else that of docs/exit-codes.md. Errors are written to s.Err.
func Run(ctx context.Context, args []string, s Streams) int {
	out, stderr := terminal.NewWriter(s.Out), terminal.NewWriter(s.Err)
	s.Out, s.Err = out, stderr
	app, err := New(s) //nolint:contextcheck // a command has its context when it runs
	if err == nil {
		err = app.RunContext(ctx, append([]string{app.Name}, flagsFirst(app, args)...))
	}
	err = errors.Join(err, out.Flush(), stderr.Flush())
	if err == nil {
		return exitDone
	}
	// An interrupt is the cause of every error after it.
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

// Keys of the app's metadata.
const (
	environKey    = "environ"
	componentsKey = "components"
	kindsKey      = "kinds"
)

// New returns the command line. The error is that of s.Components under default settings.
func New(s Streams) (*cli.App, error) {
	if s.Environ == nil {
		s.Environ = os.Environ()
	}
	if s.Components == nil {
		s.Components = func(settings config.Config) (components.Set, error) { return components.Stock(settings), nil }
	}
	set, err := s.Components(config.Default())
	if err != nil {
		return nil, exitWith(exitUsage, err)
	}
	// All output passes through these writers: control characters in data do not reach a terminal.
	s.Out, s.Err = terminal.NewWriter(s.Out), terminal.NewWriter(s.Err)
	app := &cli.App{
		Name:    "sluice",
		Usage:   "import data and deliver events as durable workflows",
		Version: version.String(),
		Description: "Settings are read from the defaults (those of `sluice-dev up`), the --config file and " +
			"SLUICE_... variables;\n" +
			"the last one wins. TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE select the Temporal server, as in Temporal's tools.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read settings from a YAML `FILE`", DefaultText: "SLUICE_CONFIG"},
		},
		Commands: []*cli.Command{
			siteCommand(), sourceCommand(), importCommand(set.Importers), reviewCommand(), locksCommand(), scheduleCommand(),
			connectionCommand(), keysetCommand(), destinationCommand(), jobCommand(), eventCommand(), flowCommand(),
			syncCommand(), applyCommand(), diffCommand(), generateCommand(), migrateCommand(), workerCommand(),
			serverCommand(), tokenCommand(), accountCommand(), auditCommand(), ingestCommand(), refdataCommand(),
			versionCommand(), helpCommand(),
		},
		Reader: s.In, Writer: s.Out, ErrWriter: s.Err,
		Metadata: map[string]any{environKey: s.Environ, componentsKey: s.Components, kindsKey: set.Kinds.Names()},
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
	return app, nil
}

// environ returns the environment of the command.
func environ(c *cli.Context) []string {
	all, ok := c.App.Metadata[environKey].([]string)
	if !ok {
		return os.Environ()
	}
	return all
}

// knownTo returns what the program knows under the settings.
func knownTo(c *cli.Context, settings config.Config) (components.Set, error) {
	provider, ok := c.App.Metadata[componentsKey].(components.Provider)
	if !ok {
		return components.Set{}, errors.New("the command line has no components")
	}
	return provider(settings)
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version", Flags: []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			return answer(c, map[string]string{
				"version": version.Version, "commit": version.Commit, "date": version.Date, "description": version.String(),
			}, "%s", version.String())
		},
	}
}

// explain adds the remedy to an error of the store.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, importstore.ErrMaxImports):
		return fmt.Errorf("%w: delete imports with `sluice import delete ID`, or raise limits.imports_per_site", err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: is the stack running? Start it on this machine with `sluice-dev up`", err)
	default:
		return err
	}
}
