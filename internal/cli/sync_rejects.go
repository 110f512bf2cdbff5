package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
			textFlag("rejected records", "reason"), stateFlag("rejected records", syncclient.RejectStates()),
			choiceFlag("stage", "list only records that were rejected in this", syncclient.Stages()),
			&cli.StringFlag{
				Name: "held-after", Usage: "list only held records first held at or after `TIME`; 2h means two hours ago",
			},
			&cli.StringFlag{Name: "held-before", Usage: "list only held records first held before `TIME`"},
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
	case c.IsSet("by") && !c.Bool("retry"):
		return exitWith(exitUsage, errors.New("--by is for --retry"))
	}
	if err := checkRejectFilters(c, kind); err != nil {
		return exitWith(exitUsage, err)
	}
	if c.Bool("retry") {
		return retryRejects(ctx, s, name, ids)
	}
	if kind == kindHeld {
		return listHeld(ctx, s, name, limit)
	}
	return listSyncRejects(ctx, s, name, limit)
}

// rejectFilters and heldFilters are the filters of the records of each kind.
var (
	rejectFilters = []string{"text", "state", "stage"}
	heldFilters   = []string{"held-after", "held-before"}
)

// checkRejectFilters refuses filters of the other kind of records, and those of a retry, which is of all records or of
// those of --id.
func checkRejectFilters(c *cli.Context, kind string) error {
	others, own := heldFilters, kindHeld
	if kind == kindHeld {
		others, own = rejectFilters, kindRejected
	}
	for _, name := range others {
		if c.IsSet(name) {
			return fmt.Errorf("--%s is for --kind %s", name, own)
		}
	}
	for _, name := range rejectFilters {
		if c.IsSet(name) && c.Bool("retry") {
			return fmt.Errorf("--%s filters the list: --retry takes the records of --id, or all", name)
		}
	}
	return nil
}

// noRecords writes the line of an empty list: --kind alone is no filter.
func noRecords(c *cli.Context, filters []string, things, text string) error {
	if !slices.ContainsFunc(filters, c.IsSet) {
		return say(c, "%s", text)
	}
	return nothing(c, things, text)
}

// listSyncRejects lists or exports the records of a sync that are not delivered.
func listSyncRejects(ctx context.Context, s *session, name string, limit int) error {
	c := s.cli
	filter := syncclient.RejectFilter{Text: c.String("text")}
	var err error
	if filter.State, err = chosenState(c, syncclient.RejectStates()); err != nil {
		return err
	}
	if filter.Stage, err = chosen(c, "stage", syncclient.Stages()); err != nil {
		return err
	}
	client, err := s.storedSyncs(ctx)
	if err != nil {
		return err
	}
	if c.String("output") == "csv" {
		return explainSync(name, exportRejects(ctx, c, client, name, filter))
	}
	return explainSync(name, listRejected(ctx, c, client, name, filter, limit))
}

// listRejected lists the records of a sync that are not delivered, and the late errors.
func listRejected(
	ctx context.Context, c *cli.Context, client *syncclient.Syncs, name string, f syncclient.RejectFilter, limit int,
) error {
	all, err := client.Rejects(ctx, name, f, 0, limit)
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
		return noRecords(c, rejectFilters, "rejected records", fmt.Sprintf("No record of sync %s is rejected.", name))
	}
	table := terminal.NewTable("ID", "KEY", "STAGE", "TIMES", "LAST", "REASON")
	for _, r := range all {
		table.Row(fmt.Sprint(r.ID), r.Key, r.Stage, humanize.Comma(r.Times), when(&r.LastAt), brief(r.Reason, 100))
	}
	return table.Write(c.App.Writer)
}

// exportRejects writes all rows as CSV.
func exportRejects(
	ctx context.Context, c *cli.Context, client *syncclient.Syncs, name string, f syncclient.RejectFilter,
) error {
	lines, after := [][]string{{"id", "key", "stage", "times", "last_at", "reason"}}, int64(0)
	for {
		all, err := client.Rejects(ctx, name, f, after, maxListed)
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
