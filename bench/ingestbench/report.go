package ingestbench

import (
	"fmt"

	"github.com/sluicehq/sluice/bench/figures"
)

// line is one figure.
type line = figures.Line

// report collects the figures.
type report struct{ figures.Report }

func newReport() *report { return &report{figures.Report{Bench: "ingest"}} }

// stored compares the events of a site in the warehouse with those that the server has accepted.
func (r *report) stored(name string, rows, distinct int64, s *site) {
	l := line{Case: name, Figure: "events stored", Value: float64(rows)}
	l.Compare("accepted", float64(s.accepted), float64(rows)/max(float64(s.accepted), 1))
	// An event without an answer may be stored.
	l.Goal, l.Met = "= accepted", rows == distinct && distinct >= s.accepted && distinct <= s.accepted+s.failed
	if !l.Met {
		r.Faults = append(r.Faults, fmt.Errorf("%s: %d rows of %d events are stored: want %d accepted ones, and at most "+
			"%d that failed, each once", name, rows, distinct, s.accepted, s.failed))
	}
	if s.failed > 0 {
		r.Faults = append(r.Faults, fmt.Errorf("%s: %d events failed, for instance: %s", name, s.failed, s.fault))
	}
	r.Add(l)
}
