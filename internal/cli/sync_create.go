package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

func syncCreateCommand() *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "create a sync and run it now, as a full load", ArgsUsage: "NAME",
		Description: "Examples: sluice sync create news --from mailchimp:mc --list 1a2d7ebf82 --to ometria:om --every 2h\n" +
			"sluice sync create crm --from postgres:crm --list public.customers --key id --cursor updated_at \\\n" +
			"  --to postgres:dwh --to-table customers --to-key id",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "read from `KIND:CONNECTION`; required"},
			&cli.StringFlag{Name: "list", Usage: "`ID` of the list, or the name of a table; required without --query"},
			&cli.StringFlag{Name: "to", Usage: "write to `KIND:CONNECTION`; required"},
			&cli.StringFlag{Name: "query", Usage: "read the rows of a `SELECT` in place of a table"},
			&cli.StringFlag{Name: "key", Usage: "`COLUMN` of the source that identifies a row"},
			&cli.StringFlag{Name: "cursor", Usage: "`COLUMN` of the source with the time of the last change"},
			&cli.StringFlag{Name: "to-table", Usage: "`TABLE` to write to"},
			&cli.StringFlag{Name: "to-key", Usage: "`COLUMNS` that identify a row of the table, separated by commas"},
			&cli.StringFlag{
				Name:  "deletions",
				Usage: "`optout|ignore` records that were deleted at the source; the default depends on both sides",
			},
			&cli.StringFlag{Name: "every", Usage: "run every `DURATION`", Value: "2h"},
			&cli.StringSliceFlag{Name: "set", Usage: "setting `KEY=VALUE`; may be repeated"},
			byFlag(), outputFlag(),
		},
		Action: withSession(createSync),
	}
}

func createSync(ctx context.Context, s *session) error {
	c := s.cli
	name, err := syncArg(c)
	if err != nil {
		return err
	}
	err = errors.Join(requireFlag(c, "from", "such as --from mailchimp:mc"),
		requireFlag(c, "to", "such as --to ometria:om"))
	if !c.IsSet("query") {
		err = errors.Join(err, requireFlag(c, "list", "such as --list 1a2d7ebf82"))
	}
	if err != nil {
		return err
	}
	n := syncclient.NewSync{Name: name, List: cmp.Or(c.String("list"), "query"), By: whoami(c)}
	var faults [4]error
	n.FromKind, n.FromConnection, faults[0] = endpointFlag(c, "from")
	n.ToKind, n.ToConnection, faults[1] = endpointFlag(c, "to")
	if n.Every, err = time.ParseDuration(c.String("every")); err != nil {
		faults[2] = fmt.Errorf("--every %q: want a duration such as 2h or 30m", c.String("every"))
	}
	changes, err := parseChanges(c.StringSlice("set"))
	for flag, setting := range map[string]string{
		"query": "query", "key": "key_column", "cursor": "cursor_column", "to-table": "target_table", "to-key": "target_key",
		"deletions": "deletions",
	} {
		if c.IsSet(flag) {
			changes = append(changes, syncclient.Change{Name: setting, Value: c.String(flag)})
		}
	}
	if err == nil {
		n.Settings, err = syncclient.ParseSettings(changes)
	}
	faults[3] = err
	if err := errors.Join(faults[:]...); err != nil {
		return exitWith(exitUsage, err)
	}
	client, err := s.Syncs(ctx)
	if err != nil {
		return err
	}
	row, err := client.Create(ctx, n)
	switch {
	case errors.Is(err, syncstore.ErrExists):
		return exitWith(exitRefused, fmt.Errorf("there is a sync %s: see it with `sluice sync show %s`", name, name))
	case err != nil:
		return err
	}
	if asJSON(c) {
		return writeSyncJSON(ctx, s, client, name)
	}
	return say(c, "created sync %s: list %s of %s to %s, every %s; it runs now, follow it with `sluice sync show %s`",
		row.Name, row.ListID, row.FromConnection, row.ToConnection, short(n.Every), row.Name)
}

func endpointFlag(c *cli.Context, flag string) (kind, connection string, err error) {
	kind, connection, err = syncclient.ParseEndpoint(c.String(flag))
	if err != nil {
		err = fmt.Errorf("--%s %w", flag, err)
	}
	return kind, connection, err
}

// parseChanges parses KEY=VALUE.
func parseChanges(texts []string) ([]syncclient.Change, error) {
	changes := make([]syncclient.Change, 0, len(texts))
	var faults []error
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			faults = append(faults, fmt.Errorf("%q: want KEY=VALUE, such as latest_timestamp=null", text))
			continue
		}
		changes = append(changes, syncclient.Change{Name: name, Value: value})
	}
	return changes, errors.Join(faults...)
}

func syncSetCommand() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "change the settings and the state of a sync", ArgsUsage: "NAME KEY=VALUE...",
		Description: "Keys: " + strings.Join(syncclient.SettingNames(), ", ") + ".\n" +
			"null restores the default. latest_timestamp=null makes the next run a full load. A run under way keeps\n" +
			"its window, and does not overwrite the change; other settings apply to it within a minute.",
		Flags: []cli.Flag{outputFlag()}, Action: withSession(setSync),
	}
}

func setSync(ctx context.Context, s *session) error {
	c := s.cli
	if c.NArg() < 2 {
		return errors.New("want a sync's name and changes: `sluice sync set NAME KEY=VALUE...`")
	}
	name := c.Args().First()
	changes, err := parseChanges(c.Args().Tail())
	if err != nil {
		return exitWith(exitUsage, err)
	}
	client, err := s.Syncs(ctx)
	if err != nil {
		return err
	}
	row, err := client.Set(ctx, name, changes)
	if err != nil {
		return explainSync(name, err)
	}
	if asJSON(c) {
		return writeSyncJSON(ctx, s, client, name)
	}
	if row.Watch != "" {
		return say(c, "changed sync %s; its state file decides when it runs", name)
	}
	return say(c, "changed sync %[1]s; run it now with `sluice sync run %[1]s`", name)
}
