package jobsbench

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The cases.
const (
	CaseLatency   = "latency"
	CaseBurn      = "burn"
	CaseIsolation = "isolation"
)

// The systems.
const (
	SystemSluice     = "sluice"
	SystemRiver      = "river"
	SystemRiverTuned = "river-tuned"
)

// Config says what to measure.
type Config struct {
	// Cases and Systems are what to measure, and of what.
	Cases, Systems []string
	// Rate is how many jobs a second are enqueued in the case of latency, for Length after
	// a WarmUp that does not count, by as many Producers at once at most.
	Rate           float64
	WarmUp, Length time.Duration
	Producers      int
	// Burn is how many jobs have piled up in the case of the burn-down.
	Burn int
	// LaneRate is how many jobs a second are enqueued in the case of isolation, for all ten
	// destinations together, as long as in the case of latency.
	LaneRate float64
	// Patience is how long the jobs of a case are waited for once all are enqueued.
	Patience time.Duration
}

// Cases returns the names of all cases.
func Cases() []string { return []string{CaseLatency, CaseBurn, CaseIsolation} }

// Systems returns the names of all systems.
func Systems() []string { return []string{SystemSluice, SystemRiver, SystemRiverTuned} }

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	for _, list := range []struct {
		flag         string
		given, known []string
	}{{"cases", c.Cases, Cases()}, {"systems", c.Systems, Systems()}} {
		for _, name := range list.given {
			if !slices.Contains(list.known, name) {
				faults = append(faults, fmt.Errorf("-%s names %q: want some of %v", list.flag, name, list.known))
			}
		}
	}
	for name, n := range map[string]float64{
		"rate": c.Rate, "producers": float64(c.Producers), "burn": float64(c.Burn),
		"lane-rate": c.LaneRate, "length": c.Length.Seconds(),
	} {
		if n < 1 {
			faults = append(faults, fmt.Errorf("-%s is %v: want 1 or more", name, n))
		}
	}
	if c.WarmUp < 0 || c.Patience < time.Second {
		faults = append(faults, errors.New("-warm-up and -patience: want 0s and 1s or more"))
	}
	return errors.Join(faults...)
}
