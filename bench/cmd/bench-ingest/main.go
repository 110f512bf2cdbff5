// Command bench-ingest measures the ingestion of events. It runs inside `sluice-dev exec`.
package main

import (
	"context"
	"flag"
	"os"
	"strings"
	"time"

	"github.com/sluicehq/sluice/bench/ingestbench"
	"github.com/sluicehq/sluice/bench/program"
)

func main() {
	program.Role("bench-ingest", ingestbench.Roles())
	program.Main("bench-ingest", measure)
}

func measure(ctx context.Context) error {
	var cfg ingestbench.Config
	cases := flag.String("cases", strings.Join(ingestbench.Cases(), ","), "what to measure")
	flag.StringVar(&cfg.Dir, "dir", "",
		"keep the event log and ClickHouse's tables in a new folder of this one; its disk "+
			"is measured (default: the system's folder for temporary files)")
	flag.StringVar(&cfg.Refdata, "refdata", "../refdata", "folder of the reference data")
	flag.StringVar(&cfg.Profile, "profile", "", "write profiles of the processor time of the processes to this folder")
	flag.IntVar(&cfg.Connections, "connections", 32,
		"single, random, batch, memory: connections that send without a pause")
	flag.IntVar(&cfg.Batch, "batch", 100, "batch: events of a batch")
	flag.IntVar(&cfg.Runs, "runs", 3, "single, random, batch: runs of each, in turn; the median counts")
	flag.DurationVar(&cfg.Length, "length", 10*time.Second, "single, random, batch, latency: how long a run counts")
	flag.Float64Var(&cfg.Rate, "rate", 2000, "latency, away: events a second")
	flag.IntVar(&cfg.Senders, "senders", 256, "latency, away: how many requests are under way at most")
	flag.DurationVar(&cfg.WarmUp, "warm-up", 3*time.Second, "latency: duration before the measurement starts")
	flag.Int64Var(&cfg.Events, "events", 1_000_000, "memory: how many events are sent; the goal is for 5000000")
	flag.IntVar(&cfg.Visitors, "visitors", 50_000, "how many visitors are imitated in each case")
	flag.DurationVar(&cfg.Away, "away", time.Minute, "away: how long ClickHouse is away; the goal is for 10m")
	flag.DurationVar(&cfg.Patience, "patience", 5*time.Minute, "how long the writers may take to write what is in the log")
	flag.BoolVar(&cfg.Check, "check", false, "fail if a goal is missed")
	limit := flag.Duration("limit", 90*time.Minute, "how long all of it may take; the default cases need about 10m")
	flag.Parse()
	cfg.Cases = strings.Split(*cases, ",")
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	return ingestbench.Run(ctx, cfg, os.Stdout, os.Stderr)
}
