package jobsbench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sluicehq/sluice/internal/terminal"
)

// Result is what was measured, by the systems' names. Its JSON is one line of the output.
type Result struct {
	Bench     string               `json:"bench"`
	Latency   map[string]Latency   `json:"latency,omitempty"`
	Burn      map[string]BurnDown  `json:"burn_down,omitempty"`
	Isolation map[string]Isolation `json:"isolation,omitempty"`
	// Ratios are Sluice's figures divided by those of the others: by figure, then by system.
	Ratios map[string]map[string]float64 `json:"ratios,omitempty"`
}

// missing returns an error if not all jobs were delivered in time: then figures must not be
// compared.
func (r Result) missing() error {
	var faults []error
	note := func(what, system string, delivered, jobs int) {
		if delivered < jobs {
			faults = append(faults, fmt.Errorf("%s of %s: %d of %d jobs were delivered in time", what, system, delivered, jobs))
		}
	}
	for _, system := range Systems() {
		l, d, i := r.Latency[system], r.Burn[system], r.Isolation[system]
		note(CaseLatency, system, l.Delivered, l.Jobs)
		note(CaseBurn, system, d.Delivered, d.Jobs)
		note(CaseIsolation, system, i.Well.Delivered+i.Hanging.Delivered, i.Well.Jobs+i.Hanging.Jobs)
	}
	return errors.Join(faults...)
}

// ratios divides Sluice's figures by the others'.
func ratios(all []row) map[string]map[string]float64 {
	divided := map[string]map[string]float64{}
	for _, one := range all {
		for _, f := range one.figures {
			for _, system := range []string{SystemRiver, SystemRiverTuned} {
				if ratio, is := f.ratio(system); is {
					if divided[f.key] == nil {
						divided[f.key] = map[string]float64{}
					}
					divided[f.key][system] = ratio
				}
			}
		}
	}
	return divided
}

// report writes a table for people and a line of JSON for programs.
func report(out io.Writer, cfg Config, r Result) error {
	all := rows(cfg, r)
	r.Ratios = ratios(all)
	table := terminal.NewTable("CASE", "FIGURE", "SLUICE", "RIVER", "RIVER TUNED", "TO RIVER", "TO RIVER TUNED")
	for _, one := range all {
		for _, f := range one.figures {
			cells := []any{one.name, f.name}
			for _, system := range Systems() {
				cells = append(cells, written(f.format)(f.of(system)))
			}
			for _, system := range []string{SystemRiver, SystemRiverTuned} {
				cells = append(cells, written(quotient)(f.ratio(system)))
			}
			table.Row(cells...)
		}
	}
	if err := table.Write(out); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// written returns a function that writes what there is.
func written(format string) func(float64, bool) string {
	return func(value float64, is bool) string {
		if !is {
			return "-"
		}
		return fmt.Sprintf(format, value)
	}
}
