// Package importbench measures imports: rows a second from `import start` to
// `completed`, beside the engine alone with the same file, the peak memory of the
// worker, and the length of the history.
package importbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/sampledata"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Config says what to measure.
type Config struct {
	// Sluice is the path of the sluice program.
	Sluice string
	// Rows are the sizes of the imports.
	Rows []int
	// Runs is how often each case is run.
	Runs int
}

// ParseRows reads sizes separated by commas.
func ParseRows(text string, cfg *Config) error {
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			return fmt.Errorf("-rows %q: want numbers separated by commas", text)
		}
		cfg.Rows = append(cfg.Rows, n)
	}
	return nil
}

// Result is a case's figures. Its JSON is one line of the output.
type Result struct {
	Bench         string  `json:"bench"`
	Rows          int64   `json:"rows"`
	MiB           float64 `json:"mib"`
	SluiceS       float64 `json:"sluice_s"`
	EngineS       float64 `json:"engine_s"`
	Ratio         float64 `json:"ratio"`
	SluiceRowsS   float64 `json:"sluice_rows_per_s"`
	EngineRowsS   float64 `json:"engine_rows_per_s"`
	WorkerPeakMiB float64 `json:"worker_peak_mib"`
	HistoryEvents int64   `json:"history_events"`
	HistoryBytes  int64   `json:"history_bytes"`
}

// days are those of the sample exports: three years.
var days = calendar.Range{
	First: calendar.DayOf(time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)),
	Last:  calendar.DayOf(time.Date(2023, 12, 31, 0, 0, 0, 0, time.UTC)),
}

// Run measures every case, then writes a table and one line of JSON a case to out.
// What it is doing goes to log.
func Run(ctx context.Context, cfg Config, out, log io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	results := make([]Result, 0, len(cfg.Rows))
	for i, rows := range cfg.Rows {
		if _, err := fmt.Fprintf(log, "%s rows: making the file\n", humanize.Comma(int64(rows))); err != nil {
			return err
		}
		files, err := sampledata.Write(fmt.Sprintf("%s/%d", dir, i), sampledata.Spec{
			Seed: uint64(i), Days: days, PageRows: rows, Tables: []*schema.Table{schema.Pages},
		})
		if err != nil {
			return err
		}
		result, err := measure(ctx, cfg, files[0], i, log)
		if err != nil {
			return fmt.Errorf("%d rows: %w", rows, err)
		}
		results = append(results, result)
	}
	return report(out, results)
}

// measure runs one case, the engine and Sluice in turn, with a worker of its own so
// that its peak memory is this case's.
func measure(ctx context.Context, cfg Config, file sampledata.File, no int, log io.Writer) (result Result, err error) {
	w, err := workerprocess.Start(ctx, cfg.Sluice)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, w.Stop()) }()
	bench, err := connect(ctx, no)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, bench.close()) }()

	var engine, sluice []float64
	for run := range cfg.Runs {
		alone, err := bench.engineAlone(ctx, file)
		if err != nil {
			return Result{}, fmt.Errorf("engine alone: %w", err)
		}
		took, err := bench.sluice(ctx, file, &result)
		if err != nil {
			return Result{}, err
		}
		if _, err := fmt.Fprintf(log, "  run %d: engine alone %.2f s, sluice %.2f s\n", run+1, alone, took); err != nil {
			return Result{}, err
		}
		engine, sluice = append(engine, alone), append(sluice, took)
	}
	result.Bench, result.Rows, result.MiB = "import", file.Rows, float64(file.Bytes)/(1<<20)
	result.EngineS, result.SluiceS = figures.Median(engine), figures.Median(sluice)
	result.Ratio = result.EngineS / result.SluiceS
	result.EngineRowsS, result.SluiceRowsS = float64(file.Rows)/result.EngineS, float64(file.Rows)/result.SluiceS
	result.WorkerPeakMiB, err = w.PeakMiB()
	return result, err
}

func report(out io.Writer, results []Result) error {
	table := terminal.NewTable("ROWS", "MIB", "SLUICE", "ENGINE ALONE", "RATIO",
		"SLUICE ROWS/S", "ENGINE ROWS/S", "WORKER PEAK", "HISTORY")
	for _, r := range results {
		table.Row(r.Rows, int64(r.MiB), fmt.Sprintf("%.2f s", r.SluiceS), fmt.Sprintf("%.2f s", r.EngineS),
			fmt.Sprintf("%.2f", r.Ratio), int64(r.SluiceRowsS), int64(r.EngineRowsS),
			fmt.Sprintf("%.0f MiB", r.WorkerPeakMiB), fmt.Sprintf("%d events", r.HistoryEvents))
	}
	if err := table.Write(out); err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	for _, r := range results {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
