package app

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/devstack/clickhouse"
	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/internal/nice"
)

// engineNice is the nice value of the engine: it shares the machine with the server, whose answers come first.
const engineNice = 5

func clickhouseCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "clickhouse",
		Usage: "run the ClickHouse engine behind its HTTP and native interfaces in the foreground",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Required: true, Usage: "keep the tables in `folder`, made when missing"},
			&cli.StringFlag{Name: "address", Value: config.DefaultWarehouseAddress, Usage: "`host:port` of the HTTP interface"},
			&cli.StringFlag{Name: "native-address", Usage: "`host:port` of the native interface (default: none)"},
		},
		Action: func(c *cli.Context) error { return engineError(runClickHouse(c, hooks)) },
	}
}

func runClickHouse(c *cli.Context, hooks Hooks) error {
	log, err := newLogger(hooks.Stderr, "info", "text")
	if err != nil {
		return err
	}
	lib, err := engines.LibCHDB("")
	if err != nil {
		return err
	}
	cfg := clickhouse.Config{
		Address: c.String("address"), NativeAddress: c.String("native-address"),
		DataDir: c.String("data"), LibraryPath: lib, Logger: log,
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if err := nice.Process(engineNice); err != nil {
		log.Warn("the engine does not yield to other processes", "error", err)
	}
	ctx, stop := foreground(c.Context)
	defer stop()
	return clickhouse.Run(ctx, cfg)
}
