package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/server"
	accessstore "github.com/sluicehq/sluice/store/access"
)

func serverCommand() *cli.Command {
	return &cli.Command{
		Name: "server", Usage: "take events and serve the REST API over HTTP until stopped",
		Description: "Events are stored in the event log (eventlog.url), from which workers write them to the warehouse.\n" +
			"The REST API is described at /api/docs.",
		Flags: []cli.Flag{
			&cli.StringFlag{
				Name: "listen", Usage: "take events and requests on `ADDRESS`",
				DefaultText: configured("server.listen", config.Default().Server.Listen),
			},
			&cli.StringFlag{
				Name: "health-listen", Usage: "serve health, readiness and metrics on `ADDRESS`; off disables",
				DefaultText: configured("server.health_listen", config.Default().Server.HealthListen),
			},
			&cli.BoolFlag{
				Name: "embedded-log", Usage: "host the event log in this process, for one machine",
			},
			&cli.BoolFlag{
				Name: "setup-link", Value: true,
				Usage: "print a link that creates the first administrator, while there is no account",
			},
		},
		Action: runServer,
		Subcommands: []*cli.Command{{
			Name: "healthcheck", Usage: "check that the local server is ready",
			Action: withSession(checkServer),
		}},
	}
}

func runServer(c *cli.Context) error {
	settings, err := readSettings(c)
	if err != nil {
		return err
	}
	if c.IsSet("listen") {
		settings.Server.Listen = c.String("listen")
	}
	if c.IsSet("health-listen") {
		settings.Server.HealthListen = c.String("health-listen")
	}
	known, err := knownTo(c, settings)
	if err != nil {
		return err
	}
	cfg := server.Config{
		Settings: settings, EmbeddedLog: c.Bool("embedded-log"), Logger: wiring.Logger(settings.Log, c.App.ErrWriter),
		Components: known, Environ: environ(c),
	}
	if c.Bool("setup-link") {
		cfg.SetupLink = func(address string) error { return printSetupLink(c.App.Writer, address) }
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	begin(c)
	cfg.Logger.Info("starting", "version", version.String())
	return server.Run(c.Context, cfg)
}

// printSetupLink shows the address of the page that creates the first administrator.
func printSetupLink(w io.Writer, address string) error {
	_, err := fmt.Fprintf(w, "\nThere is no account. Create the first administrator within %.0f minutes at\n\n  %s\n\n"+
		"Behind a proxy, replace http://HOST:PORT by its address.\n\n", accessstore.SetupLife.Minutes(), address)
	return err
}

// checkServer is a health check for containers that have no HTTP client.
func checkServer(ctx context.Context, s *session) error {
	return checkReady(ctx, s, "server", "server.health_listen", s.settings.Server.HealthListen)
}

// checkReady asks a process on this machine whether it is ready.
func checkReady(ctx context.Context, s *session, process, setting, address string) error {
	if address == "off" {
		return fmt.Errorf("%s is off: the health check needs an address", setting)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	begin(s.cli)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return exitWith(exitUnavailable, fmt.Errorf("connect to the %s: %w", process, err))
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("read the %s's answer: %w", process, err)
	}
	if response.StatusCode != http.StatusOK {
		return exitWith(exitUnavailable, fmt.Errorf("the %s is not ready: %s", process, strings.TrimSpace(string(text))))
	}
	return say(s.cli, "ready")
}
