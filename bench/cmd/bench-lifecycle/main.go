// Command bench-lifecycle measures what the life cycle of imports costs apart from their
// data, beside workflows that do nothing. It runs inside `sluice-dev exec`.
package main

import (
	"context"
	"flag"
	"os"
	"time"

	"github.com/sluicehq/sluice/bench/lifecyclebench"
	"github.com/sluicehq/sluice/bench/program"
)

func main() { program.Main("bench-lifecycle", measure) }

func measure(ctx context.Context) error {
	var cfg lifecyclebench.Config
	flag.StringVar(&cfg.Sluice, "sluice", "../bin/sluice", "the sluice program")
	flag.IntVar(&cfg.Imports, "imports", 1000, "how many imports are queued")
	flag.IntVar(&cfg.Sites, "sites", 50, "on how many sites")
	flag.IntVar(&cfg.Bare, "bare", 300, "how many workflows that do nothing they are compared with")
	flag.IntVar(&cfg.Waiters, "waiters", 1000, "how many imports wait for one lock")
	flag.DurationVar(&cfg.Idle, "idle", 10*time.Second, "over how long the waiting ones are watched")
	limit := flag.Duration("limit", 8*time.Minute, "how long it may take; an idle machine needs about 3m")
	flag.Parse()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	return lifecyclebench.Run(ctx, cfg, os.Stdout, os.Stderr)
}
