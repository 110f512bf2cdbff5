package syncbench

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/internal/terminal"
)

// The goals.
const (
	// goalRate is the largest ratio of a full load to what Ometria's rate dictates.
	goalRate = 1.15
	// goalLifted is the smallest number of members a second without a limit.
	goalLifted = 10_000
	// goalMemory is the largest ratio of the memory for a larger list to that for the list: it is flat.
	goalMemory = 1.25
	// goalSlowest is the largest ratio of the slowest account to the mean.
	goalSlowest = 1.5
)

// report writes a table for people and a line of JSON for programs. GOAL has the goal, RATIO the figure to it.
func report(out io.Writer, r Result) error {
	table := terminal.NewTable("CASE", "FIGURE", "VALUE", "GOAL", "RATIO")
	var name string
	row := func(figure, value, goal, ratio string) { table.Row(name, figure, value, goal, ratio) }
	if l := r.Rate; l != nil {
		name = fmt.Sprintf("%s members, %d requests a second", humanize.Comma(int64(l.Members)), ometriaRate)
		row("duration", fmt.Sprintf("%.1f s, the rate dictates %.1f s: %.2f", l.Seconds, l.Dictated, l.Ratio),
			fmt.Sprintf("at most %.2f", goalRate), fmt.Sprintf("%.2f", l.Ratio/goalRate))
		row("requests above a budget", fmt.Sprint(l.Breaches), "0", "")
	}
	if l := r.Lifted; l != nil {
		name = fmt.Sprintf("%s members, no limit", humanize.Comma(int64(l.Members)))
		row("members a second", fmt.Sprintf("%.0f (%.1f s)", l.PerSecond, l.Seconds),
			fmt.Sprintf("at least %d", goalLifted), fmt.Sprintf("%.2f", l.PerSecond/goalLifted))
		row("processor time of the worker", fmt.Sprintf("%.0f µs for each member", l.WorkerMicros), "", "")
	}
	if m := r.Memory; m != nil {
		name = fmt.Sprintf("%s members, no limit", humanize.Comma(int64(m.Larger.Members)))
		row("members a second", fmt.Sprintf("%.0f (%.1f s)", m.Larger.PerSecond, m.Larger.Seconds), "", "")
		row("peak of the worker", fmt.Sprintf("%.0f MiB, %.0f MiB for the list: %.2f", m.Larger.PeakMiB, m.PeakMiB, m.Ratio),
			fmt.Sprintf("at most %.2f", goalMemory), fmt.Sprintf("%.2f", m.Ratio/goalMemory))
		row("peak with a scan for deletions",
			fmt.Sprintf("%.0f MiB, %.0f bytes for each member", m.Scanned.PeakMiB, m.ScanBytes),
			"", "")
	}
	if m := r.Many; m != nil {
		name = fmt.Sprintf("%s lists, %d accounts", humanize.Comma(int64(m.Lists)), m.Accounts)
		row("requests above a budget", fmt.Sprint(m.Breaches), "0", "")
		row("slowest account", fmt.Sprintf("%.1f s, the mean is %.1f s: %.2f", m.Slowest, m.Mean, m.Ratio),
			fmt.Sprintf("at most %.2f", goalSlowest), fmt.Sprintf("%.2f", m.Ratio/goalSlowest))
		row("members a second", fmt.Sprintf("%.0f (all created after %.1f s)", m.PerSecond, m.Created), "", "")
		row("connections to Mailchimp, peak of the worker", fmt.Sprintf("%d, %.0f MiB", m.Peak, m.PeakMiB), "", "")
	}
	if err := table.Write(out); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}
