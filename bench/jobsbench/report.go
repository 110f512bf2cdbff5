package jobsbench

import (
	"encoding/json"
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

// figure is a line of the table.
type figure struct {
	// key names it for programs, name for people.
	key, name string
	// of returns its value, and whether it was measured of a system.
	of func(system string) (float64, bool)
	// format writes it.
	format string
}

// figuresOf makes figures of what was measured of a case.
func figuresOf[T any](prefix string, measured map[string]T, all ...oneFigure[T]) []figure {
	if len(measured) == 0 {
		return nil
	}
	figures := make([]figure, 0, len(all))
	for _, f := range all {
		figures = append(figures, figure{
			key: prefix + "_" + f.key, name: f.name, format: f.format,
			of: func(system string) (float64, bool) {
				what, is := measured[system]
				return f.of(what), is
			},
		})
	}
	return figures
}

// oneFigure is a figure of a case.
type oneFigure[T any] struct {
	key, name, format string
	of                func(T) float64
}

// row is a case's name with its figures.
type row struct {
	name    string
	figures []figure
}

const (
	inMilliseconds = "%.1f ms"
	asNumber       = "%.0f"
)

// rows are the table.
func rows(cfg Config, r Result) []row {
	latency := figuresOf("latency", r.Latency, latencyFigures()...)
	burn := figuresOf("burn_down", r.Burn,
		oneFigure[BurnDown]{"jobs_per_second", "jobs a second", asNumber, func(b BurnDown) float64 { return b.PerSecond }},
		oneFigure[BurnDown]{"seconds", "the sink has all", "%.1f s", func(b BurnDown) float64 { return b.Seconds }},
		oneFigure[BurnDown]{"settled_s", "the store knows of all", "%.1f s", func(b BurnDown) float64 { return b.Settled }},
		oneFigure[BurnDown]{"enqueueing_s", "enqueueing before", "%.1f s", func(b BurnDown) float64 { return b.Enqueueing }},
		oneFigure[BurnDown]{"delivered", "delivered", asNumber, func(b BurnDown) float64 { return float64(b.Delivered) }},
		oneFigure[BurnDown]{"doubles", "delivered again", asNumber, func(b BurnDown) float64 { return float64(b.Doubles) }},
		oneFigure[BurnDown]{"worker_ms", "processor, worker, a job", "%.2f ms", func(b BurnDown) float64 { return b.Used.Worker }},
		oneFigure[BurnDown]{"sum_ms", "processor, worker and engines, a job", "%.2f ms", func(b BurnDown) float64 { return b.Used.Sum }},
	)
	isolation := figuresOf("isolation", r.Isolation,
		oneFigure[Isolation]{"well_p99_ms", "p99 of nine, all well", inMilliseconds, func(i Isolation) float64 { return i.Well.Delay.P99 }},
		oneFigure[Isolation]{"hanging_p99_ms", "p99 of nine, one hangs", inMilliseconds, func(i Isolation) float64 { return i.Hanging.Delay.P99 }},
		oneFigure[Isolation]{"p99_ratio", "p99, one hangs to all well", "%.2f", func(i Isolation) float64 { return i.Ratio }},
		oneFigure[Isolation]{"delivered", "delivered to nine, one hangs", asNumber, func(i Isolation) float64 { return float64(i.Hanging.Delivered) }},
	)
	return []row{
		{fmt.Sprintf("%.0f jobs a second", cfg.Rate), latency},
		{fmt.Sprintf("%d jobs have piled up", cfg.Burn), burn},
		{fmt.Sprintf("%d destinations, %.0f jobs a second", lanes, cfg.LaneRate), isolation},
	}
}

func latencyFigures() []oneFigure[Latency] {
	return []oneFigure[Latency]{
		{"p50_ms", "due to delivered, p50", inMilliseconds, func(l Latency) float64 { return l.Delay.P50 }},
		{"p99_ms", "due to delivered, p99", inMilliseconds, func(l Latency) float64 { return l.Delay.P99 }},
		{"max_ms", "due to delivered, most", inMilliseconds, func(l Latency) float64 { return l.Delay.Max }},
		{"enqueued_p50_ms", "due to enqueued, p50", inMilliseconds, func(l Latency) float64 { return l.Enqueued.P50 }},
		{"enqueued_p99_ms", "due to enqueued, p99", inMilliseconds, func(l Latency) float64 { return l.Enqueued.P99 }},
		{"delivered", "delivered", asNumber, func(l Latency) float64 { return float64(l.Delivered) }},
		{"doubles", "delivered again", asNumber, func(l Latency) float64 { return float64(l.Doubles) }},
		{"worker_ms", "processor, worker, a job", "%.2f ms", func(l Latency) float64 { return l.Used.Worker }},
		{"sum_ms", "processor, worker and engines, a job", "%.2f ms", func(l Latency) float64 { return l.Used.Sum }},
	}
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

// ratio is Sluice's figure divided by another system's, if both were measured and it can be
// divided by.
func (f figure) ratio(system string) (float64, bool) {
	ours, is := f.of(SystemSluice)
	theirs, has := f.of(system)
	if !is || !has || theirs == 0 {
		return 0, false
	}
	return ours / theirs, true
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
				cells = append(cells, written("%.2f")(f.ratio(system)))
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
