// Command bench-jobs measures how Sluice delivers jobs, beside River with the same
// PostgreSQL. It runs inside `sluice-dev exec`.
package main

import (
	"context"
	"flag"
	"os"
	"strings"
	"time"

	"github.com/sluicehq/sluice/bench/jobsbench"
	"github.com/sluicehq/sluice/bench/program"
)

func main() {
	program.Role("bench-jobs", jobsbench.Roles())
	program.Main("bench-jobs", measure)
}

func measure(ctx context.Context) error {
	var cfg jobsbench.Config
	cases := flag.String("cases", strings.Join(jobsbench.Cases(), ","), "what to measure")
	systems := flag.String("systems", strings.Join(jobsbench.Systems(), ","), "of what")
	flag.Float64Var(&cfg.Rate, "rate", 1000, "latency: jobs a second")
	flag.DurationVar(&cfg.WarmUp, "warm-up", 3*time.Second, "latency, isolation: duration before the measurement starts")
	flag.DurationVar(&cfg.Length, "length", 20*time.Second, "latency, isolation: how long it counts")
	flag.IntVar(&cfg.Producers, "producers", 256, "how many callers enqueue at once at most")
	flag.IntVar(&cfg.Burn, "burn", 30000, "burn-down: how many jobs have piled up")
	flag.Float64Var(&cfg.LaneRate, "lane-rate", 300, "isolation: jobs a second, for ten destinations together")
	flag.DurationVar(&cfg.Patience, "patience", 2*time.Minute, "how long the jobs of a case are waited for")
	limit := flag.Duration("limit", 20*time.Minute, "how long all of it may take; an idle machine needs about 8m")
	flag.Parse()
	cfg.Cases, cfg.Systems = strings.Split(*cases, ","), strings.Split(*systems, ",")
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	return jobsbench.Run(ctx, cfg, os.Stdout, os.Stderr)
}
