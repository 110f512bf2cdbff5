package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/terminal"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

func siteShieldCommand() *cli.Command {
	return group("shield", "manage the shields of a site, the rules that drop events",
		&cli.Command{
			Name: "add", Usage: "add rules to a site", ArgsUsage: "DOMAIN",
			Description: fmt.Sprintf("A site has at most %d addresses or networks, %d countries, %d pages and %d hostnames.",
				ingest.MaxIPRules, ingest.MaxCountryRules, ingest.MaxPageRules, ingest.MaxHostnameRules),
			Flags: append(shieldFlags(), outputFlag()), Action: withSession(shields((*ingestclient.Sites).AddShields)),
		},
		&cli.Command{
			Name: "list", Usage: "list the rules of a site", ArgsUsage: "DOMAIN", Flags: []cli.Flag{outputFlag()},
			Action: withArg(siteArg, (*session).Sites, listShields),
		},
		&cli.Command{
			Name: "remove", Usage: "remove rules from a site", ArgsUsage: "DOMAIN",
			Flags: append(shieldFlags(), outputFlag()), Action: withSession(shields((*ingestclient.Sites).RemoveShields)),
		},
	)
}

func shieldFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "ip", Usage: "drop events from the address or `NETWORK`; may be repeated"},
		&cli.StringSliceFlag{
			Name: "country", Usage: "drop events from the country `CODE`, ZZ for those without one; may be repeated",
		},
		&cli.StringSliceFlag{Name: "page", Usage: "drop events of the path `PATTERN`, such as /admin/*; may be repeated"},
		&cli.StringSliceFlag{
			Name: "hostname", Usage: "drop events of other hosts than `PATTERN`, such as *.example.com; may be repeated",
		},
	}
}

// shields is the action of a command that changes rules.
func shields(
	change func(*ingestclient.Sites, context.Context, string, ingest.Shields) (ingeststore.Site, error),
) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		domain, err := siteArg(s.cli)
		if err != nil {
			return err
		}
		rules, err := shieldRules(s.cli)
		if err != nil {
			return err
		}
		sites, err := s.Sites(ctx)
		if err != nil {
			return err
		}
		site, err := change(sites, ctx, domain, rules)
		if err != nil {
			return err
		}
		return writeShields(s.cli, site)
	}
}

// shieldRules returns the rules of the flags, with every fault of them.
func shieldRules(c *cli.Context) (ingest.Shields, error) {
	var rules ingest.Shields
	var faults [4]error
	rules.IPs, faults[0] = parseFlag(c, "ip", ingest.ParseNetwork)
	rules.Countries, faults[1] = parseFlag(c, "country", ingest.ParseCountry)
	rules.Pages, faults[2] = parseFlag(c, "page", ingest.ParsePage)
	rules.Hostnames, faults[3] = parseFlag(c, "hostname", ingest.ParseHostname)
	if len(rules.IPs)+len(rules.Countries)+len(rules.Pages)+len(rules.Hostnames) == 0 {
		return ingest.Shields{}, errors.New("rules are missing: want --ip, --country, --page or --hostname")
	}
	return rules, errors.Join(faults[:]...)
}

func listShields(ctx context.Context, s *session, domain string, sites *ingestclient.Sites) error {
	site, err := sites.Show(ctx, domain)
	if err != nil {
		return err
	}
	return writeShields(s.cli, site)
}

func writeShields(c *cli.Context, site ingeststore.Site) error {
	view := ingestclient.ShieldsOf(site)
	if asJSON(c) {
		return writeJSON(c, view)
	}
	table := terminal.NewTable("RULE", "VALUE", "EFFECT")
	rows := 0
	for _, kind := range []struct {
		name, effect string
		values       []string
	}{
		{"ip", "drop", view.IPs},
		{"country", "drop", view.Countries},
		{"page", "drop", view.Pages},
		{"hostname", "allow", view.Hostnames},
	} {
		for _, value := range kind.values {
			rows++
			table.Row(kind.name, value, kind.effect)
		}
	}
	if rows == 0 {
		return say(c, "No shields found. Add one with `sluice site shield add DOMAIN --ip NETWORK`.")
	}
	return table.Write(c.App.Writer)
}
