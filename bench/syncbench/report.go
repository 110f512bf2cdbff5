package syncbench

import (
	"encoding/json"
	"errors"
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
	// goalScan is the largest number of bytes that a scan for deletions takes for each member.
	goalScan = 100
	// goalSlowest is the largest ratio of the slowest account to the mean.
	goalSlowest = 1.5
)

// line is a figure in the report.
type line struct {
	Case, Figure, Value string
	// Goal is empty for a figure without one. Met says whether it is met.
	Goal string
	Met  bool
}

// verdict returns "ok" or "missed", and nothing without a goal.
func (l line) verdict() string {
	switch {
	case l.Goal == "":
		return ""
	case l.Met:
		return "ok"
	default:
		return "missed"
	}
}

// lines returns the figures of the cases that were measured.
func (r Result) lines() (all []line) {
	if l := r.Rate; l != nil {
		name := fmt.Sprintf("%s members, %d requests a second", humanize.Comma(int64(l.Members)), ometriaRate)
		all = append(all, line{
			name, "duration", fmt.Sprintf("%.1f s, the rate dictates %.1f s: %.2f", l.Seconds, l.Dictated, l.Ratio),
			fmt.Sprintf("at most %.2f", goalRate), l.Ratio <= goalRate,
		}, breaches(name, l.Breaches))
	}
	if l := r.Lifted; l != nil {
		name := fmt.Sprintf("%s members, no limit", humanize.Comma(int64(l.Members)))
		all = append(all, line{
			name, "members a second", fmt.Sprintf("%.0f (%.1f s)", l.PerSecond, l.Seconds),
			fmt.Sprintf("at least %d", goalLifted), l.PerSecond >= goalLifted,
		}, line{
			Case: name, Figure: "processor time of the worker",
			Value: fmt.Sprintf("%.0f µs for each member", l.WorkerMicros),
		})
	}
	if m := r.Memory; m != nil {
		name := fmt.Sprintf("%s members, no limit", humanize.Comma(int64(m.Larger.Members)))
		all = append(all, line{
			Case: name, Figure: "members a second", Value: fmt.Sprintf("%.0f (%.1f s)", m.Larger.PerSecond, m.Larger.Seconds),
		}, line{
			name, "peak of the worker",
			fmt.Sprintf("%.0f MiB, %.0f MiB for the list: %.2f", m.Larger.PeakMiB, m.PeakMiB, m.Ratio),
			fmt.Sprintf("at most %.2f", goalMemory), m.Ratio <= goalMemory,
		}, line{
			name, "peak with a scan for deletions",
			fmt.Sprintf("%.0f MiB, %.0f bytes for each member", m.Scanned.PeakMiB, m.ScanBytes),
			fmt.Sprintf("at most %d", goalScan), m.ScanBytes <= goalScan,
		})
	}
	if m := r.Many; m != nil {
		name := fmt.Sprintf("%s lists, %d accounts", humanize.Comma(int64(m.Lists)), m.Accounts)
		all = append(all, breaches(name, m.Breaches), line{
			name, "slowest account", fmt.Sprintf("%.1f s, the mean is %.1f s: %.2f", m.Slowest, m.Mean, m.Ratio),
			fmt.Sprintf("at most %.2f", goalSlowest), m.Ratio <= goalSlowest,
		}, line{
			Case: name, Figure: "members a second",
			Value: fmt.Sprintf("%.0f (all created after %.1f s)", m.PerSecond, m.Created),
		}, line{
			Case: name, Figure: "connections to Mailchimp, peak of the worker",
			Value: fmt.Sprintf("%d, %.0f MiB", m.Peak, m.PeakMiB),
		})
	}
	return all
}

func breaches(name string, n int) line {
	return line{name, "requests above a budget", fmt.Sprint(n), "0", n == 0}
}

// report writes a table for people and a line of JSON for programs.
func report(out io.Writer, r Result) error {
	table := terminal.NewTable("CASE", "FIGURE", "VALUE", "GOAL", "RESULT")
	for _, l := range r.lines() {
		table.Row(l.Case, l.Figure, l.Value, l.Goal, l.verdict())
	}
	if err := table.Write(out); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// missed returns an error with the goals that were not met, nil if all were.
func (r Result) missed() error {
	var faults []error
	for _, l := range r.lines() {
		if l.verdict() == "missed" {
			faults = append(faults, fmt.Errorf("%s, %s: %s: want %s", l.Case, l.Figure, l.Value, l.Goal))
		}
	}
	return errors.Join(faults...)
}
