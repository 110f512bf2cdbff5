package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// settingsLine writes the settings that are set.
func settingsLine(settings map[string]any) string {
	if len(settings) == 0 {
		return "defaults"
	}
	texts := make([]string, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := fmt.Sprint(settings[name])
		if name == "mapping" {
			value = "of its own"
		}
		texts = append(texts, name+"="+value)
	}
	return strings.Join(texts, ", ")
}

func syncHistory(ctx context.Context, s *session) error {
	c := s.cli
	name, err := syncArg(c)
	if err != nil {
		return err
	}
	limit, err := limitFlag(c, maxListed)
	if err != nil {
		return err
	}
	rows, err := s.syncRows(ctx)
	if err != nil {
		return err
	}
	if _, err := rows.Sync(ctx, name); err != nil {
		return explainSync(name, err)
	}
	runs, err := rows.History(ctx, name, 0, limit)
	if err != nil {
		return err
	}
	if asJSON(c) {
		views := make([]syncRunJSON, len(runs))
		for i, r := range runs {
			views[i] = syncRunView(r)
		}
		return writeJSON(c, views)
	}
	if len(runs) == 0 {
		return say(c, "Sync %s has had no run yet.", name)
	}
	table := terminal.NewTable(
		"RUN", "KIND", "STATUS", "STARTED", "TOOK", "UNTIL", "READ", "DELIVERED", "REJECTED", "ERROR")
	for _, r := range runs {
		table.Row(fmt.Sprint(r.ID), r.Kind, syncStatusCell(r.Status), when(&r.StartedAt), runTime(r), moment(r.Until.UTC()),
			humanize.Comma(r.Read), humanize.Comma(r.Delivered), humanize.Comma(r.Rejected), brief(orDash(r.Error), 60))
	}
	return table.Write(c.App.Writer)
}

func runTime(r syncstore.Run) string {
	if r.EndedAt == nil {
		return "-"
	}
	return r.EndedAt.Sub(r.StartedAt).Round(100 * time.Millisecond).String()
}

func syncStatusCell(status string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		syncstore.StatusSucceeded: terminal.Green, syncstore.StatusFailed: terminal.Red,
		syncstore.StatusRunning: terminal.Cyan, syncstore.StatusCancelled: terminal.Yellow,
	}
	return terminal.Coloured{Text: status, Colour: colours[status]}
}

func syncRejectsCommand() *cli.Command {
	return &cli.Command{
		Name: "rejects", Usage: "list or retry the records that are not delivered", ArgsUsage: "NAME",
		Description: "KEY is the ID of the record in its list. The record itself is not kept: a retry reads it again.\n" +
			"--output csv exports all rows.",
		Flags: []cli.Flag{
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
	switch {
	case err != nil:
		return err
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
	if c.String("output") == "csv" {
		return exportRejects(ctx, c, rows, name)
	}
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
	if len(all) == 0 {
		return say(c, "All records of sync %s are delivered.", name)
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
