package app

import (
	"context"
	"fmt"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/sluicehq/sluice/devstack/temporal"
)

// serverCommand takes what the Temporal CLI's `server start-dev` takes, so that
// the SDK's testsuite.StartDevServer can run this program in its place.
func serverCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "server",
		Usage: "run a Temporal server",
		Subcommands: []*cli.Command{{
			Name:   "start-dev",
			Usage:  "run a Temporal server with its Web UI on SQLite; takes the Temporal CLI's arguments",
			Flags:  startDevFlags(),
			Action: func(c *cli.Context) error { return engineError(startDev(c, hooks)) },
		}},
	}
}

func startDevFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "ip", Value: temporal.DefaultIP, Usage: "`address` to listen on"},
		&cli.IntFlag{Name: "port", Aliases: []string{"p"}, Value: temporal.DefaultPort, Usage: "gRPC `port`"},
		&cli.IntFlag{Name: "http-port", Usage: "HTTP `port` (default: a free one)"},
		&cli.IntFlag{Name: "metrics-port", Usage: "Prometheus `port` (default: off)"},
		&cli.StringFlag{Name: "ui-ip", Usage: "`address` of the Web UI (default: that of --ip)"},
		&cli.IntFlag{Name: "ui-port", Usage: "`port` of the Web UI (default: --port plus 1000)"},
		&cli.StringFlag{Name: "ui-asset-path", Usage: "serve the Web UI from `folder`"},
		&cli.StringFlag{Name: "ui-codec-endpoint", Usage: "`URL` of a remote codec"},
		&cli.BoolFlag{Name: "headless", Usage: "leave the Web UI out"},
		&cli.StringFlag{Name: "db-filename", Aliases: []string{"f"}, Usage: "keep everything in `file` (default: in memory)"},
		&cli.StringSliceFlag{Name: "namespace", Aliases: []string{"n"}, Usage: "make the namespace `name`; repeatable"},
		&cli.DurationFlag{
			Name: "retention", Value: temporal.DefaultRetention,
			Usage: "how long new namespaces keep closed workflows",
		},
		&cli.StringSliceFlag{Name: "search-attribute", Usage: "register `NAME=TYPE`, such as SluiceSite=Keyword; repeatable"},
		&cli.StringSliceFlag{Name: "dynamic-config-value", Usage: "set `KEY=JSON`; repeatable"},
		&cli.StringSliceFlag{Name: "sqlite-pragma", Usage: "set `PRAGMA=VALUE`; repeatable"},
		&cli.IntFlag{
			Name: "history-shards", Value: temporal.DefaultHistoryShards,
			Usage: "`number` of history shards of a new database",
		},
		&cli.StringFlag{Name: "log-level", Value: "warn", Usage: "debug, info, warn, error or never"},
		&cli.StringFlag{Name: "log-format", Value: "text", Usage: "text, pretty or json"},
		&cli.BoolFlag{Name: "log-config", Usage: "log the server's configuration at start"},
	}
}

func startDev(c *cli.Context, hooks Hooks) error {
	log, err := newLogger(hooks.Stderr, c.String("log-level"), c.String("log-format"))
	if err != nil {
		return err
	}
	cfg := temporal.Config{
		IP: c.String("ip"), Port: c.Int("port"), HTTPPort: c.Int("http-port"), MetricsPort: c.Int("metrics-port"),
		Headless: c.Bool("headless"), UIIP: c.String("ui-ip"), UIPort: c.Int("ui-port"),
		UIAssetPath: c.String("ui-asset-path"), UICodecEndpoint: c.String("ui-codec-endpoint"),
		DBFilename: c.String("db-filename"), HistoryShards: c.Int("history-shards"),
		Namespaces: c.StringSlice("namespace"), Retention: c.Duration("retention"),
		LogConfig: c.Bool("log-config"), Logger: log,
	}
	if err := parsePairs(c, &cfg); err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	ctx, stop := foreground(c.Context)
	defer stop()
	return temporal.Run(ctx, cfg)
}

// parsePairs reads the NAME=VALUE flags.
func parsePairs(c *cli.Context, cfg *temporal.Config) error {
	attributes, err := pairs(c, "search-attribute", enumspb.IndexedValueTypeFromString)
	if err != nil {
		return err
	}
	values, err := pairs(c, "dynamic-config-value", temporal.ParseDynamicValue)
	if err != nil {
		return err
	}
	pragmas, err := pairs(c, "sqlite-pragma", func(v string) (string, error) { return v, nil })
	if err != nil {
		return err
	}
	cfg.SearchAttributes, cfg.DynamicConfig, cfg.Pragmas = attributes, values, pragmas
	return nil
}

func pairs[V any](c *cli.Context, flag string, parse func(string) (V, error)) (map[string]V, error) {
	out := make(map[string]V)
	for _, pair := range c.StringSlice(flag) {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%w: --%s %q: want NAME=VALUE", errUsage, flag, pair)
		}
		value, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("%w: --%s %s: %w", errUsage, flag, pair, err)
		}
		out[name] = value
	}
	return out, nil
}

// foreground is the context of an engine that runs until a signal.
func foreground(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
}
