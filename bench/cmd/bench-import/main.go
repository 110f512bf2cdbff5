// Command bench-import measures how fast Sluice imports a CSV file, beside what the
// ClickHouse engine does with the same file alone. It runs inside `sluice-dev exec`.
package main

import (
	"context"
	"flag"
	"os"

	"github.com/sluicehq/sluice/bench/importbench"
	"github.com/sluicehq/sluice/bench/program"
)

func main() { program.Main("bench-import", measure) }

func measure(ctx context.Context) error {
	var cfg importbench.Config
	flag.StringVar(&cfg.Sluice, "sluice", "../bin/sluice", "the sluice program")
	flag.IntVar(&cfg.Runs, "runs", 3, "runs of each case; the median counts")
	rows := flag.String("rows", "1000000,10000000", "sizes of the imports, in rows")
	flag.Parse()
	if err := importbench.ParseRows(*rows, &cfg); err != nil {
		return err
	}
	return importbench.Run(ctx, cfg, os.Stdout, os.Stderr)
}
