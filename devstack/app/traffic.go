package app

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
)

// Traffic describes visitors to imitate.
type Traffic struct {
	// URL is that of the server, such as http://127.0.0.1:18000.
	URL string
	// Site is the domain of the site.
	Site string
	// Rate is the number of events a second, Duration how long they are sent; 0 means until the end.
	Rate     int
	Duration time.Duration
	// Seed makes the visitors repeatable.
	Seed uint64
}

// maxRate is the most events a second that --rate takes.
const maxRate = 20_000

func trafficCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "traffic",
		Usage: "send the events of realistic visitors to a server until Ctrl-C",
		Description: "Visitors have browsers, referrers and campaigns, view several pages, and send engagement,\n" +
			"custom events and revenue. A line a second says what became of the events. The server must trust\n" +
			"this machine as a proxy (server.trusted_proxies) to tell visitors apart by address; the server of `up` does.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "site", Required: true, Usage: "send events of the site with this `DOMAIN`"},
			&cli.IntFlag{Name: "rate", Value: 50, Usage: "send `N` events a second"},
			&cli.DurationFlag{Name: "for", Usage: "stop after this `duration` (default: at Ctrl-C)"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "imitate other visitors, by `NUMBER`"},
			&cli.StringFlag{
				Name: "url", Value: "http://" + config.DefaultServerAddress, EnvVars: []string{"SLUICE_DEV_SERVER_URL"},
				Usage: "send to the server at `URL`",
			},
		},
		Action: func(c *cli.Context) error {
			t := Traffic{
				URL: c.String("url"), Site: c.String("site"), Rate: c.Int("rate"), Duration: c.Duration("for"),
				Seed: c.Uint64("seed"),
			}
			if t.Rate < 1 || t.Rate > maxRate || t.Duration < 0 {
				return fmt.Errorf("%w: --rate: want 1 to %d; --for: 0 or more", errUsage, maxRate)
			}
			ctx, stop := foreground(c.Context)
			defer stop()
			return hooks.Traffic(ctx, t, hooks.Stdout)
		},
	}
}
