// Command bench-import measures how fast Sluice imports a CSV file, beside what the
// ClickHouse engine does with the same file alone. It runs inside `sluice-dev exec`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/sluicehq/sluice/bench/importbench"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var cfg importbench.Config
	flag.StringVar(&cfg.Sluice, "sluice", "../bin/sluice", "the sluice program")
	flag.IntVar(&cfg.Runs, "runs", 3, "runs of each case; the median counts")
	rows := flag.String("rows", "1000000,10000000", "sizes of the imports, in rows")
	flag.Parse()
	err := importbench.ParseRows(*rows, &cfg)
	if err == nil {
		err = importbench.Run(ctx, cfg, os.Stdout, os.Stderr)
	}
	if err == nil {
		return 0
	}
	if _, werr := fmt.Fprintln(os.Stderr, "bench-import:", err); werr != nil {
		return 2
	}
	return 1
}
