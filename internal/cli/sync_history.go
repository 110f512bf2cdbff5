package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/internal/terminal"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
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
	var filter syncstore.RunFilter
	if filter.Status, err = chosen(c, "status", syncstore.Statuses()); err != nil {
		return err
	}
	if filter.Kind, err = chosen(c, "kind", syncstore.RunKinds()); err != nil {
		return err
	}
	client, err := s.storedSyncs(ctx)
	if err != nil {
		return err
	}
	runs, err := client.History(ctx, name, filter, 0, limit)
	if err != nil {
		return explainSync(name, err)
	}
	if asJSON(c) {
		return writeJSON(c, runs)
	}
	if len(runs) == 0 {
		return nothing(c, "runs", fmt.Sprintf("Sync %s has had no run yet.", name))
	}
	table := terminal.NewTable(
		"RUN", "KIND", "STATUS", "STARTED", "TOOK", "UNTIL", "READ", "DELIVERED", "REJECTED", "LATE ERRORS", "ERROR")
	for _, r := range runs {
		table.Row(fmt.Sprint(r.ID), r.Kind, syncStatusCell(r.Status), when(&r.StartedAt), runTime(r), moment(r.Until.UTC()),
			humanize.Comma(r.Read), humanize.Comma(r.Delivered), humanize.Comma(r.Rejected), lateCell(r.LateErrors),
			brief(orDash(r.Error), 60))
	}
	return table.Write(c.App.Writer)
}

func runTime(r syncclient.SyncRun) string {
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
