package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/stack"
)

// stopSignals end `up` and, before and after its command, `exec`.
var stopSignals = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

func upCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "up",
		Usage: "run all engines, the worker and the server until Ctrl-C; keeps their data",
		Flags: upFlags(hooks),
		Action: func(c *cli.Context) error {
			return up(c, hooks, hooks.Stdout, func(ctx context.Context, s *stack.Stack) error { return s.Wait(ctx) })
		},
	}
}

// upFlags are the flags of commands that run a stack which keeps its data.
func upFlags(hooks Hooks) []cli.Flag {
	def := stack.DefaultAddresses()
	flags := []cli.Flag{
		&cli.StringFlag{
			Name: "data", EnvVars: []string{"SLUICE_DEV_DATA"},
			Usage: "keep everything in `folder` (default: $XDG_DATA_HOME/sluice-dev or ~/.local/share/sluice-dev; " +
				"for root /var/lib/sluice-dev)",
		},
		&cli.StringFlag{Name: "postgres-address", Value: def.Store, Usage: "loopback `host:port` of PostgreSQL"},
		&cli.StringFlag{
			Name: "clickhouse-address", Value: def.Warehouse, Usage: "`host:port` of ClickHouse's HTTP interface",
		},
		&cli.StringFlag{
			Name: "clickhouse-native-address", Value: def.WarehouseNative,
			Usage: "`host:port` of ClickHouse's native interface",
		},
		&cli.StringFlag{
			Name: "store-dsn", EnvVars: []string{"SLUICE_DEV_STORE_DSN"},
			Usage: "use the PostgreSQL server of `DSN` instead of the embedded one",
		},
		&cli.StringFlag{
			Name: "warehouse-dsn", EnvVars: []string{"SLUICE_DEV_WAREHOUSE_DSN"},
			Usage: "use the ClickHouse server of `DSN` instead of the embedded one",
		},
		&cli.StringFlag{Name: "temporal-address", Value: def.Temporal, Usage: "`host:port` of Temporal's gRPC frontend"},
		&cli.StringFlag{Name: "temporal-ui-address", Value: def.TemporalUI, Usage: "`host:port` of the Temporal Web UI"},
	}
	if hooks.Worker != nil {
		flags = append(flags,
			&cli.BoolFlag{Name: "no-worker", Usage: "run the engines only"},
			&cli.StringFlag{
				Name: "worker", Usage: "run `PROGRAM` worker --migrate as the worker, such as one that package app builds",
				DefaultText: "the worker of sluice",
			},
			&cli.StringFlag{Name: "worker-address", Value: def.Worker, Usage: "`host:port` of the worker's health and metrics"})
	}
	if hooks.Server != nil {
		flags = append(flags,
			&cli.BoolFlag{Name: "no-server", Usage: "run neither the server nor the event log"},
			&cli.StringFlag{Name: "eventlog-address", Value: def.EventLog, Usage: "loopback `host:port` of the event log"},
			&cli.StringFlag{Name: "server-address", Value: def.Server, Usage: "`host:port` at which the server takes events"},
			&cli.StringFlag{
				Name: "server-health-address", Value: def.ServerHealth, Usage: "`host:port` of the server's health and metrics",
			})
	}
	return flags
}

// up runs a stack for as long as body runs. The engines' output goes to output,
// and to their log files in any case.
func up(c *cli.Context, hooks Hooks, output io.Writer, body func(context.Context, *stack.Stack) error) error {
	if c.Args().Present() {
		return fmt.Errorf("%s takes no arguments, got %q", c.Command.Name, c.Args().Slice())
	}
	found, err := engineEnv()
	if err != nil {
		return err
	}
	dir := c.String("data")
	if dir == "" {
		if dir, err = defaultDataDir(); err != nil {
			return err
		}
	}
	log, err := newLogger(hooks.Stderr, "warn", "text")
	if err != nil {
		return err
	}
	def := stack.DefaultAddresses()
	addresses := stack.Addresses{
		Store: c.String("postgres-address"), Warehouse: c.String("clickhouse-address"),
		WarehouseNative: c.String("clickhouse-native-address"),
		Temporal:        c.String("temporal-address"), TemporalUI: c.String("temporal-ui-address"),
		Worker:   cmp.Or(c.String("worker-address"), def.Worker),
		EventLog: cmp.Or(c.String("eventlog-address"), def.EventLog),
		Server:   cmp.Or(c.String("server-address"), def.Server), ServerHealth: cmp.Or(
			c.String("server-health-address"), def.ServerHealth),
	}
	worker, err := hooks.upWorker(c)
	if err != nil {
		return err
	}
	s, err := stack.New(stack.Config{
		DataDir: dir, Addresses: addresses, StoreDSN: c.String("store-dsn"), WarehouseDSN: c.String("warehouse-dsn"),
		Worker: worker, Server: hooks.server(worker != nil && !c.Bool("no-server")),
		Logger: log, Output: output, Colour: isTerminal(hooks.Stdout), EngineEnv: found,
		RefdataModules: engines.RefdataModules(),
	})
	if err != nil {
		return err
	}
	err = runUp(c.Context, hooks, s, body)
	if c.String("store-dsn") != "" || c.String("warehouse-dsn") != "" {
		return err
	}
	return adviseOnData(err, s.DataDir())
}

// runUp starts s and keeps it until body returns, which it does on a signal.
func runUp(ctx context.Context, hooks Hooks, s *stack.Stack, body func(context.Context, *stack.Stack) error) error {
	ctx, release := signal.NotifyContext(ctx, signalsOf(stopSignals)...)
	defer release()
	if _, err := fmt.Fprintf(hooks.Stdout, "Starting in %s\n", s.DataDir()); err != nil {
		return fmt.Errorf("write to terminal: %w", err)
	}
	if err := s.Start(ctx); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
			return nil // Ctrl-C while starting
		}
		return err
	}
	signIn, err := hooks.signIn(ctx, s)
	if err == nil {
		err = writeTable(hooks.Stdout, s, signIn)
	}
	if err == nil {
		err = body(ctx, s)
	}
	// From here on a second signal stops the waiting for a graceful end.
	release()
	hurry, done := signal.NotifyContext(context.WithoutCancel(ctx), signalsOf(stopSignals)...)
	defer done()
	if _, werr := fmt.Fprintln(hooks.Stdout, "Stopping; once more Ctrl-C kills"); werr != nil {
		err = errors.Join(err, werr)
	}
	return errors.Join(err, s.Stop(hurry))
}
