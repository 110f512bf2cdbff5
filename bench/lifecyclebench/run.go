// Package lifecyclebench measures what the life cycle of imports costs apart from their
// data: how many imports that do nothing go through in a minute, how long they wait before
// they begin, what they cost the store, and what imports cost that wait for a lock.
package lifecyclebench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sluicehq/sluice/bench/workerprocess"
)

// Config says what to measure.
type Config struct {
	// Sluice is the path of the sluice program.
	Sluice string
	// Imports is how many imports are queued, Sites on how many sites.
	Imports, Sites int
	// Bare is how many workflows that do nothing they are compared with.
	Bare int
	// Waiters is how many imports wait for one lock.
	Waiters int
	// Idle is the duration of the measurement of processor time while all imports wait.
	Idle time.Duration
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	for name, n := range map[string]int{"imports": c.Imports, "sites": c.Sites, "bare": c.Bare, "waiters": c.Waiters} {
		if n < 1 {
			faults = append(faults, fmt.Errorf("-%s is %d: want 1 or more", name, n))
		}
	}
	if c.Imports > maxDays*c.Sites {
		faults = append(faults, fmt.Errorf("-imports is %d: want at most %d for each site", c.Imports, maxDays))
	}
	if c.Idle < time.Second {
		faults = append(faults, fmt.Errorf("-idle is %s: want 1s or more", c.Idle))
	}
	return errors.Join(faults...)
}

// Result is what was measured. Its JSON is one line of the output.
type Result struct {
	Bench string `json:"bench"`
	// Alone is the case of imports one after the other.
	Alone Alone `json:"alone"`
	// Queue is the case of many imports on many sites.
	Queue Queue `json:"queue"`
	// Bare are workflows of the same number of activities that do nothing at all.
	Bare Bare `json:"bare"`
	// Ratio is how many imports there are for each bare workflow in the same time.
	Ratio float64 `json:"ratio"`
	// Waiting is the case of many imports that wait for one lock.
	Waiting Waiting `json:"waiting"`
}

// Run measures every case, then writes a table and one line of JSON to out. What it is
// doing goes to log.
func Run(ctx context.Context, cfg Config, out, log io.Writer) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	w, err := workerprocess.Start(ctx, cfg.Sluice)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop()) }()
	b, err := connect(ctx, w.PID())
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.addSites(ctx, cfg.Sites); err != nil {
		return err
	}
	result := Result{Bench: "lifecycle"}
	say := func(format string, args ...any) error {
		_, err := fmt.Fprintf(log, format+"\n", args...)
		return err
	}
	if err := say("%d imports, one after the other", cfg.Sites); err != nil {
		return err
	}
	if result.Alone, err = b.alone(ctx); err != nil {
		return fmt.Errorf("imports one after the other: %w", err)
	}
	if err := say("%d imports on %d sites", cfg.Imports, cfg.Sites); err != nil {
		return err
	}
	if result.Queue, err = b.queue(ctx, cfg); err != nil {
		return fmt.Errorf("imports: %w", err)
	}
	if err := say("%d bare workflows of %d activities", cfg.Bare, result.Queue.Activities); err != nil {
		return err
	}
	if result.Bare, err = b.bare(ctx, cfg, result.Queue.Activities); err != nil {
		return fmt.Errorf("bare workflows: %w", err)
	}
	result.Ratio = result.Queue.PerMinute / result.Bare.PerMinute
	if err := say("%d imports that wait for one lock", cfg.Waiters); err != nil {
		return err
	}
	if result.Waiting, err = b.waiting(ctx, cfg); err != nil {
		return fmt.Errorf("waiting imports: %w", err)
	}
	return report(out, cfg, result)
}
