package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
	syncstore "github.com/sluicehq/sluice/store/syncing"
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

// syncRejectJSON is the JSON form of a rejected record.
type syncRejectJSON struct {
	ID      int64      `json:"id"`
	Key     string     `json:"key"`
	Stage   string     `json:"stage"`
	Reason  string     `json:"reason"`
	RunID   *int64     `json:"run_id"`
	Times   int64      `json:"times"`
	FirstAt time.Time  `json:"first_at"`
	LastAt  time.Time  `json:"last_at"`
	RetryAt *time.Time `json:"retry_at"`
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
	rows, err := s.syncRows(ctx)
	if err != nil {
		return err
	}
	if _, err := rows.Sync(ctx, name); err != nil {
		return explainSync(name, err)
	}
	if kind == kindHeld {
		return listHeld(ctx, c, rows, name, limit)
	}
	if c.String("output") == "csv" {
		return exportRejects(ctx, c, rows, name)
	}
	return listRejected(ctx, c, rows, name, limit)
}

// listRejected lists the records of a sync that are not delivered, and the late errors.
func listRejected(ctx context.Context, c *cli.Context, rows *syncstore.Store, name string, limit int) error {
	all, err := rows.Rejects(ctx, name, 0, limit)
	if err != nil {
		return err
	}
	if asJSON(c) {
		views := make([]syncRejectJSON, len(all))
		for i, r := range all {
			views[i] = syncRejectJSON{
				ID: r.ID, Key: r.Key, Stage: r.Stage, Reason: r.Reason, RunID: r.RunID, Times: r.Times,
				FirstAt: r.FirstAt.UTC(), LastAt: r.LastAt.UTC(), RetryAt: utc(r.RetryAt),
			}
		}
		return writeJSON(c, views)
	}
	// Everything is read before anything is printed.
	late, err := rows.LateErrors(ctx, name, starter.MaxLate)
	if err != nil {
		return err
	}
	views, err := lateView(late)
	if err != nil {
		return err
	}
	if err := writeRejects(c, name, all); err != nil || len(views) == 0 {
		return err
	}
	return say(c, "\nRejected later by the target, without IDs:\n%s", lateLines(name, views))
}

func writeRejects(c *cli.Context, name string, all []syncstore.Reject) error {
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
func exportRejects(ctx context.Context, c *cli.Context, rows *syncstore.Store, name string) error {
	lines, after := [][]string{{"id", "key", "stage", "times", "last_at", "reason"}}, int64(0)
	for {
		all, err := rows.Rejects(ctx, name, after, maxListed)
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
			return writeCSV(c.App.Writer, lines)
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
		when = "which its state file decides"
	}
	return say(s.cli, "sync %s retries %s in its next run, %s", name, plural(n, "record"), when)
}
