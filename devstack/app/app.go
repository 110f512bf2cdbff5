// Package app is the command line of sluice-dev.
package app

import (
	"cmp"
	"context"
	"io"
	"os"

	"github.com/urfave/cli/v2"
)

// Hooks add to the engines what this module does not know: the worker. The zero
// value is a sluice-dev that runs engines only.
type Hooks struct {
	// Worker runs the worker in the foreground until ctx ends. It finds the
	// engines by the variables of package stack (SLUICE_STORE_DSN, ...). Nil
	// leaves the `worker` command out, and `up` runs the engines only.
	Worker func(ctx context.Context) error
	// Prepare runs before the worker of `up` and `exec --worker`, with the
	// variables of the stack: a check of the databases. It does not run before
	// another program's worker. Nil does nothing.
	Prepare func(ctx context.Context, env map[string]string) error
	// WorkerReady probes a worker at its address. Nil counts a started worker
	// as ready.
	WorkerReady func(ctx context.Context, address string) error
	// Server runs the server, which takes events, in the foreground until ctx ends. Nil leaves it, the event
	// log and their commands out.
	Server func(ctx context.Context) error
	// ServerReady probes a server at the address of its health. Nil counts a started server as ready.
	ServerReady func(ctx context.Context, address string) error
	// SignIn says, in a line for people, how they sign in to the server of a stack with these variables. The line may have
	// a secret. Nil says nothing.
	SignIn func(ctx context.Context, env map[string]string) (string, error)
	// Traffic sends the events of visitors to the server until ctx ends, and prints what became of them.
	Traffic func(ctx context.Context, t Traffic, stdout io.Writer) error
	// Demo shows Sluice at work on a stack that is ready: dir is for its files,
	// env has the variables of the stack. Nil leaves the `demo` command out.
	Demo func(ctx context.Context, dir string, env map[string]string, stdout, stderr io.Writer) error
	// Version is printed by --version. Defaults to "dev".
	Version string
	// Stdin, Stdout and Stderr default to the process's own.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// New returns the command line. Run it with RunContext and give its error to
// [ExitCode]; it never ends the process itself.
func New(hooks Hooks) *cli.App {
	if hooks.Stdin == nil {
		hooks.Stdin = os.Stdin
	}
	if hooks.Stdout == nil {
		hooks.Stdout = os.Stdout
	}
	if hooks.Stderr == nil {
		hooks.Stderr = os.Stderr
	}
	hooks.Version = cmp.Or(hooks.Version, "dev")
	commands := []*cli.Command{
		upCommand(hooks), execCommand(hooks),
		serverCommand(hooks), postgresCommand(hooks), clickhouseCommand(hooks), fakeCommand(hooks),
	}
	if hooks.Worker != nil {
		commands = append(commands, workerCommand(hooks))
	}
	if hooks.Server != nil {
		commands = append(commands, eventLogCommand(hooks), serveCommand(hooks))
	}
	if hooks.Traffic != nil {
		commands = append(commands, trafficCommand(hooks))
	}
	if hooks.Demo != nil {
		commands = append(commands, demoCommand(hooks))
	}
	return &cli.App{
		Name:    "sluice-dev",
		Usage:   "run everything that Sluice needs on this machine",
		Version: hooks.Version,
		Description: "`up` starts PostgreSQL, ClickHouse, Temporal with its Web UI and the event log, keeps their data,\n" +
			"and stays until Ctrl-C. `exec` starts them on free ports for the time of one command, such as a test run,\n" +
			"and leaves nothing behind.\n" +
			"The other commands run one engine each; `up` and `exec` use them.",
		Commands: commands,
		Reader:   hooks.Stdin, Writer: hooks.Stdout, ErrWriter: hooks.Stderr,
		// A JSON value of --dynamic-config-value may hold commas.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		Before:                    guardLifeline,
	}
}
