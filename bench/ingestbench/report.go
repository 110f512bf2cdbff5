package ingestbench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/internal/terminal"
)

// Units of figures.
const (
	whole        = ""
	microseconds = "us"
	milliseconds = "ms"
	seconds      = "s"
	mebibytes    = "MiB"
)

// line is one figure. Its JSON is that of a program.
type line struct {
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

// compare sets the reference. There is none if nothing was measured.
func (l *line) compare(name string, reference, ratio float64) {
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return
	}
	l.ReferenceName, l.Reference, l.Ratio = name, reference, ratio
}

// atLeast sets the goal of the ratio. Without a reference there is none.
func (l line) atLeast(goal float64) line {
	if l.ReferenceName != "" {
		l.Goal, l.Met = fmt.Sprintf("ratio >= %g", goal), l.Ratio >= goal
	}
	return l
}

// atMost sets the goal of the ratio. Without a reference there is none.
func (l line) atMost(goal float64) line {
	if l.ReferenceName != "" {
		l.Goal, l.Met = fmt.Sprintf("ratio <= %g", goal), l.Ratio <= goal
	}
	return l
}

// valueAtMost sets the goal of the value.
func (l line) valueAtMost(goal float64) line {
	l.Goal, l.Met = fmt.Sprintf("<= %g %s", goal, l.Unit), l.Value <= goal
	return l
}

// report collects the figures.
type report struct {
	lines  []line
	faults []error
}

func (r *report) add(l line) { r.lines = append(r.lines, l) }

// stored compares the events of a site in the warehouse with those that the server has accepted.
func (r *report) stored(name string, rows, distinct int64, s *site) {
	l := line{Case: name, Figure: "events stored", Value: float64(rows)}
	l.compare("accepted", float64(s.accepted), float64(rows)/max(float64(s.accepted), 1))
	// An event without an answer may be stored.
	l.Goal, l.Met = "= accepted", rows == distinct && distinct >= s.accepted && distinct <= s.accepted+s.failed
	if !l.Met {
		r.faults = append(r.faults, fmt.Errorf("%s: %d rows of %d events are stored: want %d accepted ones, and at most "+
			"%d that failed, each once", name, rows, distinct, s.accepted, s.failed))
	}
	if s.failed > 0 {
		r.faults = append(r.faults, fmt.Errorf("%s: %d events failed, for instance: %s", name, s.failed, s.fault))
	}
	r.add(l)
}

// write writes a table for people and a line of JSON for programs.
func (r *report) write(out io.Writer) error {
	table := terminal.NewTable("CASE", "FIGURE", "SLUICE", "REFERENCE", "", "RATIO", "GOAL", "")
	for _, l := range r.lines {
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
		Lines []line `json:"lines"`
	}{"ingest", r.lines})
}

// written is a figure for people.
func written(value float64, unit string) string {
	if unit == whole {
		return humanize.Comma(int64(value))
	}
	return fmt.Sprintf("%.2f %s", value, unit)
}

// err returns what makes the figures worthless, and with check also the goals that were missed.
func (r *report) err(check bool) error {
	faults := r.faults
	for _, l := range r.lines {
		if check && l.Goal != "" && !l.Met {
			faults = append(faults, fmt.Errorf("%s, %s: goal %s missed", l.Case, l.Figure, l.Goal))
		}
	}
	return errors.Join(faults...)
}
