package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	importstore "github.com/sluicehq/sluice/store/importing"
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
			Action: withSession(listLocks),
		},
	)
}

// lockJSON is the JSON form of a lock. Fields are only ever added.
type lockJSON struct {
	Resource     string     `json:"resource"`
	Mode         string     `json:"mode"`
	State        string     `json:"state"`
	ImportID     int64      `json:"import_id"`
	Site         string     `json:"site"`
	RequestedAt  time.Time  `json:"requested_at"`
	GrantedAt    *time.Time `json:"granted_at"`
	FencingToken int64      `json:"fencing_token"`
}

func lockView(l importstore.Lock) lockJSON {
	view := lockJSON{
		Resource: l.Resource, Mode: "exclusive", State: "waiting", ImportID: l.ImportID, Site: l.Domain,
		RequestedAt: l.RequestedAt, GrantedAt: l.GrantedAt, FencingToken: l.FencingToken,
	}
	if l.Shared {
		view.Mode = "shared"
	}
	if l.GrantedAt != nil {
		view.State = "held"
	}
	return view
}

func listLocks(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	limit, err := limitFlag(c, maxRejectsListed)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	var resource *string
	if name := c.String("resource"); name != "" {
		resource = &name
	}
	locks, err := opened.Imports.ListLocks(ctx, resource, int32(limit))
	if err != nil {
		return err
	}
	views := make([]lockJSON, len(locks))
	for i, l := range locks {
		views[i] = lockView(l)
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
