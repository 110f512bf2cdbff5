// Command bench-sync measures list sync between fakes of Mailchimp and Ometria, beside what Ometria's rate
// dictates. It runs inside `sluice-dev exec`.
package main

import (
	"context"
	"flag"
	"os"
	"time"

	"github.com/sluicehq/sluice/bench/program"
	"github.com/sluicehq/sluice/bench/syncbench"
)

func main() { program.Main("bench-sync", measure) }

func measure(ctx context.Context) error {
	var cfg syncbench.Config
	flag.StringVar(&cfg.Sluice, "sluice", "../bin/sluice", "the sluice program")
	flag.IntVar(&cfg.Members, "members", 46_134, "members of one list")
	flag.IntVar(&cfg.Runs, "runs", 3, "full loads without a limit; the median counts")
	flag.IntVar(&cfg.Larger, "larger", 10, "times as many members for the measurement of memory")
	flag.IntVar(&cfg.Accounts, "accounts", 20, "accounts of many lists")
	flag.IntVar(&cfg.Lists, "lists", 50, "lists of each account")
	flag.IntVar(&cfg.ListMembers, "list-members", 500, "members of each of these lists")
	flag.StringVar(&cfg.Only, "only", "", "measure only this case: rate, lifted, memory or many")
	flag.BoolVar(&cfg.Check, "check", false, "fail if a goal is missed")
	limit := flag.Duration("limit", 15*time.Minute, "how long it may take; an idle machine needs about 5m")
	flag.Parse()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	return syncbench.Run(ctx, cfg, os.Stdout, os.Stderr)
}
