package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
)

func locksCommand() *cli.Command {
	return group("locks", "show locks of imports",
		&cli.Command{
			Name: "list", Usage: "list holders and waiters of each resource, in order",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "resource", Usage: "filter by resource `NAME`, such as site:example.com"},
				&cli.IntFlag{Name: "limit", Value: 100, Usage: "list at most `N` locks, 1 to 10000"},
				outputFlag(),
			},
			Action: withArg(limited(maxRejectsListed), (*session).watcher, listLocks),
		},
	)
}

func listLocks(ctx context.Context, s *session, limit int, client *starter.Starter) error {
	c := s.cli
	views, err := client.Locks(ctx, access.AllSites(), starter.LockFilter{Resource: c.String("resource"), Limit: limit})
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, views)
	}
	if len(views) == 0 {
		return say(c, "No locks found.")
	}
	table := terminal.NewTable("RESOURCE", "MODE", "STATE", "IMPORT", "SITE", "SINCE", "DURATION")
	for _, v := range views {
		since, colour := v.RequestedAt, terminal.Yellow
		if v.GrantedAt != nil {
			since, colour = *v.GrantedAt, terminal.Green
		}
		table.Row(v.Resource, v.Mode, terminal.Coloured{Text: v.State, Colour: colour}, terminal.Ordinal(v.ImportID), v.Site,
			when(&since), terminal.Duration(time.Since(since)))
	}
	return table.Write(c.App.Writer)
}
