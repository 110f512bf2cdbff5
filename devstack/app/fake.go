package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/fakega4"
)

// fakeCommand has a subcommand for each outside system that can be had without it.
func fakeCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "fake",
		Usage: "run a stand-in for an outside system, to try imports and syncs offline",
		Subcommands: []*cli.Command{{
			Name:  "ga4",
			Usage: "serve Google's API with generated or recorded data",
			Description: "Takes the credentials that it prints, counts quotas as Google does, and lets things go wrong when\n" +
				"told to, by POST /control/faults, /control/tokens/revoke and /control/quotas/NAME/exhaust.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "listen", Value: config.DefaultFakeGA4Address, Usage: "`host:port` to listen on"},
				&cli.IntFlag{Name: "days", Value: 365, Usage: "make up `N` days of data, up to yesterday"},
				&cli.IntFlag{Name: "rows-per-day", Value: 50, Usage: "make up `N` rows a day in the largest reports"},
				&cli.Uint64Flag{Name: "seed", Usage: "make up other data, by `NUMBER`"},
				&cli.StringFlag{Name: "data", Usage: "answer from recorded answers in `DIR` instead, one report a file"},
				&cli.StringFlag{Name: "time-zone", Value: "UTC", Usage: "the property's time zone, by its IANA `name`"},
				&cli.Int64Flag{Name: "quota-hour", Usage: "let `N` tokens be used an hour (default: as Google does)"},
				&cli.DurationFlag{Name: "latency", Usage: "take at least this `duration` for each answer"},
			},
			Action: func(c *cli.Context) error { return fakeGA4(c, hooks) },
		}, fakeMailchimpCommand(hooks), fakeOmetriaCommand(hooks), fakeCompareCommand(hooks)},
	}
}

func fakeGA4(c *cli.Context, hooks Hooks) error {
	if c.Int("days") < 1 || c.Int("rows-per-day") < 1 || c.Int64("quota-hour") < 0 || c.Duration("latency") < 0 {
		return fmt.Errorf("%w: --days and --rows-per-day: want 1 or more; --quota-hour and --latency: 0 or more", errUsage)
	}
	quota := c.Int64("quota-hour")
	fake, err := fakega4.New(fakega4.Config{
		Days: c.Int("days"), RowsPerDay: c.Int("rows-per-day"), Seed: c.Uint64("seed"), Dir: c.String("data"),
		TimeZone: c.String("time-zone"), Latency: c.Duration("latency"),
		Quotas: fakega4.Quotas{TokensPerHour: quota, TokensPerProjectPerHour: quota},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return serveFake(c, fake, func(_ context.Context, url string) error {
		return explainGA4(hooks.Stdout, url, fake.Property())
	})
}

// serveFake listens, calls begin with the URL, and serves until Ctrl-C.
func serveFake(c *cli.Context, fake http.Handler, begin func(ctx context.Context, url string) error) error {
	ctx, stop := foreground(c.Context)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.String("listen"))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := begin(ctx, "http://"+listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close())
	}
	return serve(ctx, listener, fake)
}

// shutdownTime is how long requests under way may take once Ctrl-C is pressed.
const shutdownTime = 2 * time.Second

// serve answers requests until ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err := server.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // a fault that hangs would do so for ever
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}

// explainGA4 says what to type to import from the fake.
func explainGA4(out io.Writer, url, property string) error {
	_, err := fmt.Fprintln(out, strings.TrimSpace(`
Google Analytics 4, without Google, at `+url+`. Ctrl-C stops it.

To import from it, beside `+"`sluice-dev up`"+`:

  export FAKE_GA4_CLIENT_SECRET=`+fakega4.ClientSecret+`
  export FAKE_GA4_REFRESH_TOKEN=`+fakega4.RefreshToken+`
  sluice connection add fake-ga4 --kind google_analytics_4 \
    --set client_id=`+fakega4.ClientID+` --set endpoint=`+url+` \
    --secret client_secret=env:FAKE_GA4_CLIENT_SECRET --secret refresh_token=env:FAKE_GA4_REFRESH_TOKEN
  sluice connection test fake-ga4
  sluice site add example.com
  sluice import start google_analytics_4 --site example.com --wait \
    --args '{"connection": "fake-ga4", "property": "`+property+`"}'

To let things go wrong:

  curl -d '{"method": "runReport", "status": 503, "times": 3}' `+url+`/control/faults
  curl -X POST `+url+`/control/quotas/tokensPerHour/exhaust
  curl -X POST `+url+`/control/tokens/revoke
  curl -X DELETE `+url+`/control/faults`))
	if err != nil {
		return fmt.Errorf("write instructions: %w", err)
	}
	return nil
}
