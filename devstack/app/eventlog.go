package app

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/devstack/loopback"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
)

func eventLogCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "eventlog",
		Usage: "run the event log (NATS JetStream) in the foreground",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Required: true, Usage: "keep the log in `folder`, made when missing"},
			&cli.StringFlag{Name: "address", Value: config.DefaultEventLogAddress, Usage: "loopback `host:port` to listen on"},
			&cli.StringFlag{Name: "token-file", Required: true, Usage: "read the token of clients from `file`"},
			&cli.DurationFlag{
				Name: "sync-interval", Usage: "sync the log to disk every `duration` (default: before each acknowledgement)",
			},
		},
		Action: func(c *cli.Context) error { return engineError(runEventLog(c, hooks)) },
	}
}

// eventLogStop bounds the orderly end of the event log.
const eventLogStop = 10 * time.Second

func runEventLog(c *cli.Context, hooks Hooks) error {
	log, err := newLogger(hooks.Stderr, "info", "text")
	if err != nil {
		return err
	}
	if err := loopback.CheckAddress(c.String("address")); err != nil {
		return fmt.Errorf("%w: --address: %w", errUsage, err)
	}
	token, err := os.ReadFile(c.String("token-file"))
	if err != nil {
		return fmt.Errorf("%w: --token-file: %w", errUsage, err)
	}
	cfg := embedded.Config{
		Dir: c.String("data"), Listen: c.String("address"), Token: strings.TrimSpace(string(token)),
		SyncInterval: c.Duration("sync-interval"), Logger: log,
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	ctx, stop := foreground(c.Context)
	defer stop()
	server, err := embedded.Start(cfg)
	if err != nil {
		return err
	}
	log.Info("event log started", "url", server.URL())
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventLogStop)
	defer cancel()
	return server.Stop(stopping)
}
