package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones of sites, also on systems without a database of them

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/cli"
	"github.com/sluicehq/sluice/internal/components"
)

// exitUsage is the exit code of a program whose options are invalid. It equals that of an invalid
// command line: nothing was tried.
const exitUsage = 2

// Main runs the command line of the process and ends the process with its exit code. SIGINT and
// SIGTERM stop a command gracefully; a second one kills the process. Invalid options are reported
// on standard error, with exit code 2.
func Main(options ...Option) {
	os.Exit(run(options))
}

func run(options []Option) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second signal has its default effect.
	context.AfterFunc(ctx, stop)
	a, err := New(options...)
	if err != nil {
		if _, werr := fmt.Fprintf(os.Stderr, "sluice: %s\n", err); werr != nil {
			return exitUsage
		}
		return exitUsage
	}
	return a.Run(ctx, os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}

// App is a program: its command line, its worker and its components. It is safe for concurrent use.
type App struct{ options []Option }

// New returns a program of Sluice's own components and those of the options. The error
// reports every component that is nil, that has an invalid name or invalid properties, or
// whose name is taken, and every mail template that cannot be parsed or filled.
func New(options ...Option) (*App, error) {
	var faults []error
	for i, o := range options {
		if o.list == nil {
			faults = append(faults, fmt.Errorf("option %d is empty: want the result of a function of package app", i+1))
		}
	}
	a := &App{options: options}
	if len(faults) == 0 {
		_, err := a.components(config.Default())
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("build the program: %w", err)
	}
	return a, nil
}

// components is the components.Provider of the program.
func (a *App) components(settings config.Config) (components.Set, error) {
	all := components.StockList(settings)
	for _, o := range a.options {
		more, err := o.list(settings)
		if err != nil {
			return components.Set{}, err
		}
		all.Append(more)
	}
	return all.Set()
}

// Streams are the input, output and environment of a command.
type Streams struct {
	// In is standard input. Required by commands that read it ("-" for a file).
	In io.Reader
	// Out and Err are standard output and standard error. Required.
	Out, Err io.Writer
	// Environ is the environment as KEY=value. Defaults to that of the process.
	Environ []string
}

// Run runs a command line, given without the program's name, and returns its exit code: 130
// where ctx ended, otherwise one of docs/exit-codes.md. It writes errors to s.Err.
func (a *App) Run(ctx context.Context, args []string, s Streams) int {
	return cli.Run(ctx, args, cli.Streams{
		In: s.In, Out: s.Out, Err: s.Err, Environ: s.Environ, Components: a.components,
	})
}
