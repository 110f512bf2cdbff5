package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/spreadsheet"
	"github.com/sluicehq/sluice/internal/terminal"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// countsLine compares a full load with the counts of the source, "" without one.
func countsLine(c *syncclient.Counts) string {
	if c == nil {
		return ""
	}
	var texts []string
	for _, status := range slices.Sorted(maps.Keys(c.After)) {
		if c.Read[status]+c.After[status] > 0 {
			texts = append(texts, fmt.Sprintf("%s %s of %s", status, humanize.Comma(c.Read[status]),
				humanize.Comma(c.After[status])))
		}
	}
	if len(texts) == 0 {
		texts = []string{"none"}
	}
	text := fmt.Sprintf("run %d agrees with the source", c.RunID)
	if c.Difference > 0 {
		text = fmt.Sprintf("WARNING: run %d and the source differ by %s", c.RunID, plural(c.Difference, "record"))
	}
	text += fmt.Sprintf(": %s read; %s rejected, %s changed meanwhile", strings.Join(texts, ", "),
		humanize.Comma(c.Rejected), humanize.Comma(c.Changed))
	if c.Exceeded {
		text += "; more than max_missing allows: check the list, then set latest_timestamp=null and run the sync"
	}
	return text
}

func heldLine(v syncclient.View) string {
	if v.Held == 0 {
		return ""
	}
	return fmt.Sprintf("%s opted in again and held opted out by the target; "+
		"list them with `sluice sync rejects %s --kind %s`", plural(v.Held, "record"), v.Row.Name, kindHeld)
}

func stoppedLine(v syncclient.View) string {
	if v.Run == nil || v.Run.StoppedAt == nil {
		return ""
	}
	way := fmt.Sprintf("`sluice sync run %s` continues the run", v.Row.Name)
	if v.Row.Watch != "" {
		way = "its watch continues the run at its next look"
	}
	return fmt.Sprintf("%s: the last %s were wholly rejected; `sluice sync rejects %s` has the reasons, %s",
		moment(v.Run.StoppedAt.UTC()), plural(v.Run.RejectedPages, "page"), v.Row.Name, way)
}

// Kinds of records that `sluice sync rejects` lists.
const (
	// kindRejected are records that are not delivered.
	kindRejected = "rejected"
	// kindHeld are records that were delivered as opted in, and that the target holds as opted out.
	kindHeld = "held-opted-out"
)

// listHeld lists the records of a sync that are held as opted out.
func listHeld(ctx context.Context, s *session, name string, limit int) error {
	c := s.cli
	filter, err := heldFilter(c)
	if err != nil {
		return err
	}
	client, err := s.storedSyncs(ctx)
	if err != nil {
		return err
	}
	if c.String("output") == "csv" {
		return explainSync(name, exportHeld(ctx, c, client, name, filter))
	}
	all, err := client.Held(ctx, name, filter, 0, limit)
	if err != nil {
		return explainSync(name, err)
	}
	if asJSON(c) {
		return writeJSON(c, all)
	}
	if len(all) == 0 {
		return noRecords(c, heldFilters, "held records", fmt.Sprintf("No record of sync %s is held opted out.", name))
	}
	table := terminal.NewTable("ID", "KEY", "FIRST", "LAST")
	for _, h := range all {
		table.Row(fmt.Sprint(h.ID), h.Key, when(&h.FirstAt), when(&h.LastAt))
	}
	return table.Write(c.App.Writer)
}

// heldFilter reads heldFilters.
func heldFilter(c *cli.Context) (f syncstore.HeldFilter, err error) {
	if f.After, err = timeFlag(c, "held-after"); err == nil {
		f.Before, err = timeFlag(c, "held-before")
	}
	return f, err
}

// exportHeld writes all rows as CSV.
func exportHeld(
	ctx context.Context, c *cli.Context, client *syncclient.Syncs, name string, f syncstore.HeldFilter,
) error {
	lines, after := [][]string{{"id", "key", "first_at", "last_at"}}, int64(0)
	for {
		all, err := client.Held(ctx, name, f, after, maxListed)
		if err != nil {
			return err
		}
		for _, h := range all {
			after = h.ID
			lines = append(lines, []string{
				fmt.Sprint(h.ID), h.Key, h.FirstAt.UTC().Format(time.RFC3339), h.LastAt.UTC().Format(time.RFC3339),
			})
		}
		if len(all) < maxListed {
			return spreadsheet.Write(c.App.Writer, lines)
		}
	}
}
