package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

func siteSetCommand() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "change what a site takes of live events", ArgsUsage: "DOMAIN",
		Description: "What no flag names stays as it is. Servers follow within a second.",
		Flags: []cli.Flag{
			&cli.StringFlag{
				Name: "rate-limit", Usage: "take at most `EVENTS/DURATION`, such as 600/60s; drop others as throttle",
			},
			&cli.BoolFlag{Name: "no-rate-limit", Usage: "remove the rate limit"},
			&cli.BoolFlag{Name: "block", Usage: "take no events; drop them as block"},
			&cli.BoolFlag{Name: "unblock", Usage: "take events again"},
			&cli.StringFlag{
				Name: "accept-until", Usage: "take events until the end of `DAY` (YYYY-MM-DD, UTC), or none for no end",
			},
			&cli.StringSliceFlag{Name: "former-domain", Usage: "take events of `DOMAIN` too; may be repeated"},
			&cli.StringSliceFlag{Name: "remove-former-domain", Usage: "take no events of `DOMAIN` any more; may be repeated"},
			&cli.StringSliceFlag{
				Name: "goal", Usage: "make the events `NAME[:CURRENCY]` a goal, with revenue in CURRENCY; may be repeated",
			},
			&cli.StringSliceFlag{Name: "remove-goal", Usage: "remove the goal `NAME`; may be repeated"},
			&cli.StringFlag{Name: "props", Usage: "store the custom properties `NAME,NAME` only, or all"},
			&cli.StringSliceFlag{
				Name: "allow-network", Usage: "take events from `NETWORK` whether bot or data centre; may be repeated",
			},
			&cli.StringSliceFlag{Name: "remove-allow-network", Usage: "remove the allowed `NETWORK`; may be repeated"},
			&cli.StringFlag{Name: "timezone", Usage: "IANA time `ZONE` of the site's days; final once it has live events"},
			outputFlag(),
		},
		Action: withSession(setSite),
	}
}

// Sites returns the operations on sites, once the store answers.
func (s *session) Sites(ctx context.Context) (*ingestclient.Sites, error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	return &ingestclient.Sites{Store: ingeststore.New(opened.Store), Imports: opened.Imports, Warehouse: s.Warehouse}, nil
}

func setSite(ctx context.Context, s *session) error {
	domain, err := siteArg(s.cli)
	if err != nil {
		return err
	}
	change, err := siteChange(s.cli)
	if err != nil {
		return err
	}
	sites, err := s.Sites(ctx)
	if err != nil {
		return err
	}
	site, err := sites.Set(ctx, domain, change)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, ingestclient.SiteOf(site))
	}
	return writeLines(s.cli, settingsLines(site))
}

// none and all are the values of flags that remove a setting.
const (
	none = "none"
	all  = "all"
)

// siteChange returns the change of the flags, with every fault of them.
func siteChange(c *cli.Context) (ingestclient.SiteChange, error) {
	if c.NumFlags() == 0 || c.NumFlags() == 1 && c.IsSet("output") {
		return ingestclient.SiteChange{}, fmt.Errorf("nothing to change: see `%s --help`", c.Command.HelpName)
	}
	change := ingestclient.SiteChange{
		NoRateLimit: c.Bool("no-rate-limit"), FormerDomains: c.StringSlice("former-domain"),
		RemoveFormerDomains: c.StringSlice("remove-former-domain"), RemoveGoals: c.StringSlice("remove-goal"),
		TimeZone: c.String("timezone"),
	}
	var faults []error
	for _, flags := range [][2]string{{"rate-limit", "no-rate-limit"}, {"block", "unblock"}} {
		if c.IsSet(flags[0]) && c.IsSet(flags[1]) {
			faults = append(faults, fmt.Errorf("--%s and --%s exclude each other", flags[0], flags[1]))
		}
	}
	if text := c.String("rate-limit"); c.IsSet("rate-limit") {
		limit, err := ingest.ParseRateLimit(text)
		change.RateLimit, faults = &limit, append(faults, flagError("rate-limit", err))
	}
	if c.IsSet("block") || c.IsSet("unblock") {
		change.Block = new(c.Bool("block"))
	}
	switch text := c.String("accept-until"); {
	case text == none:
		change.AcceptForever = true
	case c.IsSet("accept-until"):
		day, err := calendar.ParseDay(text)
		change.AcceptUntil, faults = &day, append(faults, flagError("accept-until", err))
	}
	for _, text := range c.StringSlice("goal") {
		name, code, err := ingest.ParseGoal(text)
		if change.Goals == nil {
			change.Goals = map[string]string{}
		}
		change.Goals[name], faults = code, append(faults, flagError("goal", err))
	}
	switch text := c.String("props"); {
	case text == all:
		change.AllProps = true
	case c.IsSet("props"):
		var err error
		change.Props, err = ingest.ParseProps(text)
		faults = append(faults, flagError("props", err))
	}
	var err error
	change.AllowNetworks, err = parseFlag(c, "allow-network", ingest.ParseNetwork)
	faults = append(faults, err)
	change.RemoveAllowNetworks, err = parseFlag(c, "remove-allow-network", ingest.ParseNetwork)
	return change, errors.Join(append(faults, err)...)
}

// parseFlag parses the values of a flag that may be repeated, and returns every fault of them.
func parseFlag[T any](c *cli.Context, flag string, parse func(text string) (T, error)) ([]T, error) {
	var values []T
	var faults []error
	for _, text := range c.StringSlice(flag) {
		value, err := parse(text)
		values, faults = append(values, value), append(faults, flagError(flag, err))
	}
	return values, errors.Join(faults...)
}

// flagError names the flag of an error.
func flagError(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("--%s: %w", flag, err)
}
