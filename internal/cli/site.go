package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/terminal"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

func siteCommand() *cli.Command {
	return group("site", "manage sites, the owners of imported data and live events",
		&cli.Command{
			Name: "add", Usage: "add a site", ArgsUsage: "DOMAIN",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "timezone", Value: "UTC", Usage: "IANA time `ZONE` of the site's days"},
				&cli.StringFlag{Name: "native-start", Usage: "first `DAY` (YYYY-MM-DD) of native data; imports end before it"},
				&cli.StringSliceFlag{
					Name: "contact", Usage: "send e-mail notifications about its imports to `ADDRESS`; may be repeated",
				},
				outputFlag(),
			},
			Action: withSession(addSite),
		},
		&cli.Command{
			Name: "list", Usage: "list sites", Flags: []cli.Flag{textFlag("sites", "domain"), outputFlag()},
			Action: withClient((*session).Sites, listSites),
		},
		&cli.Command{
			Name: "show", Usage: "show the settings and the traffic of a site", ArgsUsage: "DOMAIN",
			Flags: []cli.Flag{outputFlag()}, Action: withArg(siteArg, (*session).Sites, showSite),
		},
		siteHistoryCommand(), siteBreakdownCommand(), siteSetCommand(), siteShieldCommand(), siteKeyCommand(),
		&cli.Command{
			Name: "forget-imports", Usage: "delete all imports of a site", ArgsUsage: "DOMAIN",
			Description: "Rows are hidden at once and purged import by import.",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "no-wait", Usage: "return as soon as the deletions have started"}, outputFlag(),
			},
			Action: withArg(siteArg, (*session).Starter, forgetImports),
		},
	)
}

func addSite(ctx context.Context, s *session) error {
	c := s.cli
	domain, err := siteArg(c)
	if err != nil {
		return err
	}
	zone := c.String("timezone")
	if err := ingestclient.CheckTimeZone(zone); err != nil {
		return fmt.Errorf("--timezone %w", err)
	}
	var nativeStart *calendar.Day
	if text := c.String("native-start"); text != "" {
		day, err := calendar.ParseDay(text)
		if err != nil {
			return fmt.Errorf("--native-start: %w", err)
		}
		nativeStart = &day
	}
	contacts := c.StringSlice("contact")
	for _, address := range contacts {
		if err := ingestclient.CheckContact(address); err != nil {
			return fmt.Errorf("--contact %w", err)
		}
	}
	if domain, err = ingestclient.CheckDomain(domain); err != nil {
		return err
	}
	sites, err := s.Sites(ctx)
	if err != nil {
		return err
	}
	site, err := sites.Add(ctx, ingestclient.NewSite{
		Domain: domain, TimeZone: zone, NativeStart: nativeStart, Contacts: contacts,
	})
	if errors.Is(err, store.ErrTaken) {
		return fmt.Errorf("%w: see `sluice site list`", err)
	}
	if err != nil {
		return err
	}
	return answer(c, ingestclient.ListedSiteOf(site), "added site %d, %s (%s)", site.ID, site.Domain, site.TimeZone)
}

func listSites(ctx context.Context, s *session, stored *ingestclient.Sites) error {
	sites, err := stored.List(ctx, access.AllSites(), s.cli.String("text"), "", 0)
	if err != nil {
		return err
	}
	written, err := withoutTable(s.cli, convert.Slice(sites, ingestclient.ListedSiteOf), len(sites), "sites",
		"No sites found. Add one with `sluice site add DOMAIN`.")
	if written {
		return err
	}
	table := terminal.NewTable("ID", "DOMAIN", "TIME ZONE", "NATIVE DATA FROM", "ADDED")
	for _, site := range sites {
		native := "-"
		if first := importstore.NativeStart(site); first != nil {
			native = first.String()
		}
		table.Row(terminal.Ordinal(site.ID), site.Domain, site.TimeZone, native, when(&site.CreatedAt))
	}
	return table.Write(s.cli.App.Writer)
}
