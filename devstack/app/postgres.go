package app

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/postgres"
)

func postgresCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "postgres",
		Usage: "run PostgreSQL in the foreground; as root it runs as postgres or nobody",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Required: true, Usage: "keep the cluster in `folder`, made when missing"},
			&cli.StringFlag{Name: "address", Value: config.DefaultStoreAddress, Usage: "loopback `host:port` to listen on"},
			&cli.StringSliceFlag{Name: "setting", Usage: "server setting `NAME=VALUE`, as in postgresql.conf; repeatable"},
		},
		Action: func(c *cli.Context) error { return engineError(runPostgres(c, hooks)) },
	}
}

func runPostgres(c *cli.Context, hooks Hooks) error {
	log, err := newLogger(hooks.Stderr, "info", "text")
	if err != nil {
		return err
	}
	bin, err := engines.PostgresBin("")
	if err != nil {
		return err
	}
	settings := make(map[string]string)
	for _, pair := range c.StringSlice("setting") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return fmt.Errorf("%w: --setting %q: want NAME=VALUE", errUsage, pair)
		}
		settings[name] = value
	}
	cfg := postgres.Config{
		BinDir: bin, DataDir: c.String("data"), Address: c.String("address"), Settings: settings, Logger: log,
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	ctx, stop := foreground(c.Context)
	defer stop()
	return postgres.Run(ctx, cfg)
}
