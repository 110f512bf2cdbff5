// Package syncbench measures list sync between fakes of Mailchimp and Ometria: a full load at the rate of
// Ometria and without a limit, the memory of the worker while the list grows, and many lists that share the
// budgets of their accounts.
package syncbench

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Config says what to measure.
type Config struct {
	// Sluice is the path of the sluice program.
	Sluice string
	// Members is the number of members of one list, Larger how many times as many are loaded for the measurement
	// of memory.
	Members, Larger int
	// Runs is the number of full loads without a limit.
	Runs int
	// Accounts have Lists each, and these ListMembers each.
	Accounts, Lists, ListMembers int
	// Only names one case to measure. Defaults to all.
	Only string
	// Check makes a missed goal an error.
	Check bool
}

// The cases.
const (
	caseRate   = "rate"
	caseLifted = "lifted"
	caseMemory = "memory"
	caseMany   = "many"
)

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	for _, f := range []struct {
		name string
		n    int
	}{
		{"members", c.Members},
		{"larger", c.Larger},
		{"runs", c.Runs},
		{"accounts", c.Accounts},
		{"lists", c.Lists},
		{"list-members", c.ListMembers},
	} {
		if f.n < 1 {
			faults = append(faults, fmt.Errorf("-%s is %d: want 1 or more", f.name, f.n))
		}
	}
	switch c.Only {
	case "", caseRate, caseLifted, caseMemory, caseMany:
	default:
		faults = append(faults, fmt.Errorf("-only is %q: want rate, lifted, memory or many", c.Only))
	}
	return errors.Join(faults...)
}

// Result is what was measured. Its JSON is one line of the output. Cases that were not measured are nil.
type Result struct {
	Bench string `json:"bench"`
	// Rate is a full load at the rate of Ometria.
	Rate *Load `json:"rate,omitempty"`
	// Lifted is a full load without a limit.
	Lifted *Load `json:"lifted,omitempty"`
	// Memory compares the memory of the worker for a list and a larger one.
	Memory *Memory `json:"memory,omitempty"`
	// Many is the case of many lists.
	Many *Many `json:"many,omitempty"`
}

// Run measures every case, then writes a table and one line of JSON to out. What it is doing goes to log.
func Run(ctx context.Context, cfg Config, out, log io.Writer) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	result := Result{Bench: "sync"}
	for _, c := range []struct {
		name, says string
		measure    func() error
	}{
		{caseRate, fmt.Sprintf("%d members at %d requests a second", cfg.Members, ometriaRate), func() (err error) {
			result.Rate, err = loadOnce(ctx, cfg, loading{name: caseRate, members: cfg.Members, runs: 1})
			return err
		}},
		{caseLifted, fmt.Sprintf("%d members without a limit", cfg.Members), func() (err error) {
			of := loading{name: caseLifted, members: cfg.Members, runs: cfg.Runs, lifted: true}
			result.Lifted, err = loadOnce(ctx, cfg, of)
			return err
		}},
		{caseMemory, fmt.Sprintf("%d members without a limit", cfg.Larger*cfg.Members), func() (err error) {
			result.Memory, err = memory(ctx, cfg)
			return err
		}},
		{caseMany, fmt.Sprintf("%d lists on %d accounts", cfg.Accounts*cfg.Lists, cfg.Accounts), func() error {
			return withBench(ctx, cfg, func(b *bench) (err error) {
				result.Many, err = b.many(ctx, cfg)
				return err
			})
		}},
	} {
		if cfg.Only != "" && cfg.Only != c.name {
			continue
		}
		if _, err := fmt.Fprintln(log, c.says); err != nil {
			return err
		}
		if err := c.measure(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if err := report(out, result); err != nil || !cfg.Check {
		return err
	}
	return result.missed()
}
