package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/spreadsheet"
	"github.com/sluicehq/sluice/internal/terminal"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

func syncRejectsCommand() *cli.Command {
	return &cli.Command{
		Name: "rejects", Usage: "list or retry the records that are not delivered", ArgsUsage: "NAME",
		Description: "KEY is the ID of the record in its list. The record itself is not kept: a retry reads it again.\n" +
			"--output csv exports all rows. --kind held-opted-out lists records that were delivered as opted in after an\n" +
			"opt-out, which the target does not replace.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "kind", Value: kindRejected, Usage: "list records of `KIND`: rejected or held-opted-out"},
			&cli.IntFlag{Name: "limit", Value: 100, Usage: "list at most `N` records, 1 to 1000"},
			&cli.BoolFlag{Name: "retry", Usage: "retry records now: those of --id, or all"},
			&cli.StringSliceFlag{Name: "id", Usage: "`ID` of a record to retry; may be repeated"},
			byFlag(), outputFlag("csv"),
		},
		Action: withSession(syncRejects),
	}
}

func syncRejects(ctx context.Context, s *session) error {
	c := s.cli
	name, err := syncArg(c)
	if err != nil {
		return err
	}
	limit, err := limitFlag(c, maxListed)
	if err != nil {
		return err
	}
	ids, err := parseIDs("id", c.StringSlice("id"))
	kind := c.String("kind")
	switch {
	case err != nil:
		return err
	case kind != kindRejected && kind != kindHeld:
		return exitWith(exitUsage, fmt.Errorf("--kind %q: want %s or %s", kind, kindRejected, kindHeld))
	case c.Bool("retry") && kind == kindHeld:
		return exitWith(exitUsage, fmt.Errorf(
			"--retry is for --kind %s: records of the kind %s are delivered", kindRejected, kindHeld))
	case len(ids) > 0 && !c.Bool("retry"):
		return exitWith(exitUsage, errors.New("--id is for --retry"))
	case c.Bool("retry"):
		return retryRejects(ctx, s, name, ids)
	}
	client, err := s.storedSyncs(ctx)
	switch {
	case err != nil:
		return err
	case kind == kindHeld:
		err = listHeld(ctx, c, client, name, limit)
	case c.String("output") == "csv":
		err = exportRejects(ctx, c, client, name)
	default:
		err = listRejected(ctx, c, client, name, limit)
	}
	return explainSync(name, err)
}

// listRejected lists the records of a sync that are not delivered, and the late errors.
func listRejected(ctx context.Context, c *cli.Context, client *syncclient.Syncs, name string, limit int) error {
	all, err := client.Rejects(ctx, name, 0, limit)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, all)
	}
	// Everything is read before anything is printed.
	late, err := client.LateErrors(ctx, name)
	if err != nil {
		return err
	}
	if err := writeRejects(c, name, all); err != nil || len(late) == 0 {
		return err
	}
	return say(c, "\nRejected later by the target, without IDs:\n%s", lateLines(name, late))
}

func writeRejects(c *cli.Context, name string, all []syncclient.RejectedRecord) error {
	if len(all) == 0 {
		return say(c, "No record of sync %s is rejected.", name)
	}
	table := terminal.NewTable("ID", "KEY", "STAGE", "TIMES", "LAST", "REASON")
	for _, r := range all {
		table.Row(fmt.Sprint(r.ID), r.Key, r.Stage, humanize.Comma(r.Times), when(&r.LastAt), brief(r.Reason, 100))
	}
	return table.Write(c.App.Writer)
}

// exportRejects writes all rows as CSV.
func exportRejects(ctx context.Context, c *cli.Context, client *syncclient.Syncs, name string) error {
	lines, after := [][]string{{"id", "key", "stage", "times", "last_at", "reason"}}, int64(0)
	for {
		all, err := client.Rejects(ctx, name, after, maxListed)
		if err != nil {
			return err
		}
		for _, r := range all {
			after = r.ID
			lines = append(lines, []string{
				fmt.Sprint(r.ID), r.Key, r.Stage, fmt.Sprint(r.Times), r.LastAt.UTC().Format(time.RFC3339), r.Reason,
			})
		}
		if len(all) < maxListed {
			return spreadsheet.Write(c.App.Writer, lines)
		}
	}
}

// retryRejects requests retries and runs the sync.
func retryRejects(ctx context.Context, s *session, name string, ids []int64) error {
	client, err := s.Syncs(ctx)
	if err != nil {
		return err
	}
	n, err := client.RetryRejects(ctx, name, ids, by(s.cli))
	if err != nil {
		return explainSync(name, err)
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, map[string]any{"name": name, "retried": n})
	}
	row, err := client.Store.Sync(ctx, name)
	if err != nil {
		return explainSync(name, err)
	}
	when := "which begins now"
	if row.Watch != "" {
		when = "which its watch begins at its next look"
	}
	return say(s.cli, "sync %s retries %s in its next run, %s", name, plural(n, "record"), when)
}
