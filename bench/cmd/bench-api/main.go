// Command bench-api measures the REST API and the pages. It runs inside `sluice-dev exec`.
package main

import (
	"context"
	"flag"
	"os"
	"strings"
	"time"

	"github.com/sluicehq/sluice/bench/apibench"
	"github.com/sluicehq/sluice/bench/program"
)

func main() {
	program.Role("bench-api", apibench.Roles())
	program.Main("bench-api", measure)
}

func measure(ctx context.Context) error {
	var cfg apibench.Config
	cases := flag.String("cases", strings.Join(apibench.Cases(), ","), "what to measure")
	flag.IntVar(&cfg.Sites, "sites", 1000, "how many sites the store has")
	flag.IntVar(&cfg.Imports, "imports", 10_000, "how many imports the store has")
	flag.IntVar(&cfg.Jobs, "jobs", 1_000_000, "how many jobs the store has")
	flag.IntVar(&cfg.Days, "days", 730, "days of history of the site whose page is requested")
	flag.IntVar(&cfg.Connections, "connections", 32, "api, pages: connections that ask without a pause")
	flag.DurationVar(&cfg.Length, "length", 10*time.Second,
		"api, pages: how long each question is asked; its statements half as long, one connection a tenth")
	flag.IntVar(&cfg.Subscribers, "subscribers", 1000, "subscribers: how many streams are opened")
	flag.IntVar(&cfg.Writers, "writers", 8, "notify: connections that write without a pause")
	flag.IntVar(&cfg.Runs, "runs", 5, "notify: runs with and without triggers, in turn; the median counts")
	flag.DurationVar(&cfg.WriteLength, "write-length", 2*time.Second, "notify: how long a run is")
	flag.StringVar(&cfg.Profile, "profile", "", "write a profile of the server's processor time to this folder")
	flag.BoolVar(&cfg.Check, "check", false, "fail if a goal is missed")
	limit := flag.Duration("limit", 30*time.Minute, "how long all of it may take; an idle machine needs about 7m")
	flag.Parse()
	cfg.Cases = strings.Split(*cases, ",")
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	return apibench.Run(ctx, cfg, os.Stdout, os.Stderr)
}
