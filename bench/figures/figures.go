// Package figures is the report of a benchmark: figures beside their references and goals, as a table for people and a
// line of JSON for programs.
package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/internal/terminal"
)

// Units of figures.
const (
	Whole        = ""
	Microseconds = "us"
	Milliseconds = "ms"
	Seconds      = "s"
	Mebibytes    = "MiB"
)

// Line is one figure. Its JSON is that of a program.
type Line struct {
	Case   string  `json:"case"`
	Figure string  `json:"figure"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"`
	// Reference is the figure that Value is compared with, and Ratio Value divided by it; both 0 without one.
	Reference     float64 `json:"reference,omitempty"`
	ReferenceName string  `json:"reference_name,omitempty"`
	Ratio         float64 `json:"ratio,omitempty"`
	// Goal is what was to be reached, or "". Met reports whether it was.
	Goal string `json:"goal,omitempty"`
	Met  bool   `json:"met,omitempty"`
}

// Compare sets the reference. There is none if nothing was measured.
func (l *Line) Compare(name string, reference, ratio float64) {
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return
	}
	l.ReferenceName, l.Reference, l.Ratio = name, reference, ratio
}

// AtLeast sets the goal of the ratio. Without a reference there is none.
func (l Line) AtLeast(goal float64) Line {
	if l.ReferenceName != "" {
		l.Goal, l.Met = fmt.Sprintf("ratio >= %g", goal), l.Ratio >= goal
	}
	return l
}

// AtMost sets the goal of the ratio. Without a reference there is none.
func (l Line) AtMost(goal float64) Line {
	if l.ReferenceName != "" {
		l.Goal, l.Met = fmt.Sprintf("ratio <= %g", goal), l.Ratio <= goal
	}
	return l
}

// ValueAtMost sets the goal of the value.
func (l Line) ValueAtMost(goal float64) Line {
	l.Goal, l.Met = fmt.Sprintf("<= %g %s", goal, l.Unit), l.Value <= goal
	return l
}

// Report collects the figures of a benchmark.
type Report struct {
	// Bench names the benchmark in the JSON.
	Bench string
	// Lines are the figures in their order.
	Lines []Line
	// Faults make the figures worthless.
	Faults []error
}

// Add adds a figure.
func (r *Report) Add(l Line) { r.Lines = append(r.Lines, l) }

// Write writes a table for people and a line of JSON for programs.
func (r *Report) Write(out io.Writer) error {
	table := terminal.NewTable("CASE", "FIGURE", "SLUICE", "REFERENCE", "", "RATIO", "GOAL", "")
	for _, l := range r.Lines {
		reference, ratio, met := "-", "-", "-"
		if l.ReferenceName != "" {
			reference, ratio = written(l.Reference, l.Unit), fmt.Sprintf("%.2f", l.Ratio)
		}
		goal := "-"
		if l.Goal != "" {
			goal, met = l.Goal, "missed"
			if l.Met {
				met = "ok"
			}
		}
		table.Row(l.Case, l.Figure, written(l.Value, l.Unit), reference, l.ReferenceName, ratio, goal, met)
	}
	if err := table.Write(out); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(struct {
		Bench string `json:"bench"`
		Lines []Line `json:"lines"`
	}{r.Bench, r.Lines})
}

// written is a figure for people.
func written(value float64, unit string) string {
	if unit == Whole {
		return humanize.Comma(int64(value))
	}
	return fmt.Sprintf("%.2f %s", value, unit)
}

// Err returns what makes the figures worthless, and with check also the goals that were missed.
func (r *Report) Err(check bool) error {
	faults := slices.Clone(r.Faults)
	for _, l := range r.Lines {
		if check && l.Goal != "" && !l.Met {
			faults = append(faults, fmt.Errorf("%s, %s: goal %s missed", l.Case, l.Figure, l.Goal))
		}
	}
	return errors.Join(faults...)
}

// Median returns the middle value, or the lower one of two; 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}
