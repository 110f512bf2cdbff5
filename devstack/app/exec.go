package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/devstack/supervise"
)

func execCommand(hooks Hooks) *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "data", Usage: "keep everything in `folder` (default: a temporary one, removed afterwards)"},
		&cli.BoolFlag{Name: "no-sync", Usage: "let PostgreSQL not wait for the disk, for tests; excludes --data"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show the engines' output"},
	}
	if hooks.Worker != nil {
		flags = append(flags, &cli.BoolFlag{Name: "worker", Usage: "run the worker too"})
	}
	if hooks.Server != nil {
		flags = append(flags, &cli.BoolFlag{Name: "server", Usage: "run the worker, the event log and the server too"})
	}
	return &cli.Command{
		Name:      "exec",
		Usage:     "run a command with all engines on free ports, then stop them",
		ArgsUsage: "-- COMMAND [ARGUMENT...]",
		Description: "The command finds the engines by SLUICE_STORE_DSN, SLUICE_WAREHOUSE_DSN,\n" +
			"SLUICE_WAREHOUSE_NATIVE_DSN, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, SLUICE_CONNECTIONS_KEYSET_FILE,\n" +
			"SLUICE_CONNECTIONS_ADDRESSES, SLUICE_CSV_ROOTS, SLUICE_REFDATA_FOLDER,\n" +
			"SLUICE_LIBCHDB, SLUICE_POSTGRES_BIN, and this program by SLUICE_DEV_BIN; with --server also the event log by\n" +
			"SLUICE_EVENTLOG_URL and SLUICE_EVENTLOG_TOKEN_FILE, and the server by SLUICE_SERVER_LISTEN.\n" +
			"Its exit code is this program's.",
		Flags:  flags,
		Action: func(c *cli.Context) error { return execute(c, hooks) },
	}
}

func execute(c *cli.Context, hooks Hooks) error {
	if !c.Args().Present() {
		return errors.New("exec: no command given; for example: sluice-dev exec -- go test")
	}
	if c.Bool("no-sync") && c.IsSet("data") {
		return fmt.Errorf("%w: --no-sync and --data exclude each other: a power failure would lose the folder's data",
			errUsage)
	}
	found, err := engineEnv()
	if err != nil {
		return err
	}
	level := "error"
	output := hooks.Stderr
	if !c.Bool("verbose") {
		output = nil
	} else {
		level = "info"
	}
	log, err := newLogger(hooks.Stderr, level, "text")
	if err != nil {
		return err
	}
	dir, cleanUp, err := execFolder(c.String("data"), log)
	if err != nil {
		return err
	}
	cfg := stack.Config{
		DataDir: dir, Worker: hooks.worker(c.Bool("worker") || c.Bool("server")), Server: hooks.server(c.Bool("server")),
		Logger: log, Output: output,
		MaxStartFailures: 1, NoSync: c.Bool("no-sync"), EngineEnv: found, RefdataModules: engines.RefdataModules(),
	}
	code, err := withStack(c, hooks, cfg, found)
	if err := errors.Join(adviseOnData(err, dir), cleanUp()); err != nil {
		return err
	}
	if code != 0 {
		return &exitError{code: code} // the command has said why
	}
	return nil
}

// withStack starts a stack, runs the command and stops the stack.
func withStack(c *cli.Context, hooks Hooks, cfg stack.Config, found map[string]string) (code int, err error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, signalsOf(forwardSignals)...)
	defer signal.Stop(signals)

	starting, started := signal.NotifyContext(c.Context, signalsOf(stopSignals)...)
	begun := time.Now()
	s, err := startOnFreePorts(starting, cfg)
	interrupted := starting.Err() != nil
	started()
	if err != nil {
		if interrupted {
			return 128 + int(syscall.SIGINT), nil // the user has interrupted the command
		}
		return 0, err
	}
	defer func() {
		stopping, done := signal.NotifyContext(context.WithoutCancel(c.Context), signalsOf(stopSignals)...)
		defer done()
		err = errors.Join(err, s.Stop(stopping))
	}()
	cfg.Logger.Info("engines are ready", "after", time.Since(begun).Round(time.Millisecond))

	args := c.Args().Slice()
	// It gets our signals and ends in its own way, not with a context.
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // See above.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = hooks.Stdin, hooks.Stdout, hooks.Stderr
	cmd.Env = stack.WithEnv(os.Environ(), exports(s, found))
	return supervise.Foreground(cmd, signals, forwards)
}

// startOnFreePorts tries again with new ports when a start fails for a reason
// that may be a port taken in the meantime.
func startOnFreePorts(ctx context.Context, cfg stack.Config) (*stack.Stack, error) {
	const attempts = 4
	for attempt := 1; ; attempt++ {
		addresses, err := stack.FreeAddresses()
		if err != nil {
			return nil, err
		}
		cfg.Addresses = addresses
		s, err := stack.New(cfg)
		if err != nil {
			return nil, err
		}
		err = s.Start(ctx)
		if err == nil {
			return s, nil
		}
		if attempt == attempts || ctx.Err() != nil || !worthRetrying(err) {
			return nil, err
		}
		cfg.Logger.Info("engines did not start, trying other ports", "attempt", attempt, "error", err)
	}
}

func worthRetrying(err error) bool {
	if _, ok := errors.AsType[*stack.PortsError](err); ok {
		return true
	}
	// An engine that ended by itself may have lost its port to another program;
	// one that hangs would hang again.
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() != supervise.ExitPermanent
}

// execFolder returns the data folder and what to do with it in the end.
func execFolder(given string, log *slog.Logger) (string, func() error, error) {
	if given != "" {
		return given, func() error { return nil }, nil
	}
	sweep(os.TempDir(), log)
	dir, err := os.MkdirTemp("", tempPrefix)
	if err != nil {
		return "", nil, fmt.Errorf("make temporary data folder: %w", err)
	}
	// PostgreSQL may run as another user and must pass through.
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // See above; other users cannot list it.
		return "", nil, fmt.Errorf("make temporary data folder: %w", err)
	}
	return dir, func() error {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove temporary data folder: %w", err)
		}
		return nil
	}, nil
}
