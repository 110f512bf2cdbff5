package ingestbench

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The cases.
const (
	// CaseSingle sends single events, and the same requests to a handler that does nothing.
	CaseSingle = "single"
	// CaseRandom sends single events with user agents that were never seen before.
	CaseRandom = "random"
	// CaseBatch sends batches of events of an authorised sender.
	CaseBatch = "batch"
	// CaseLatency sends single events at a rate.
	CaseLatency = "latency"
	// CaseMemory sends many single events and watches the memory of the processes.
	CaseMemory = "memory"
	// CaseAway kills ClickHouse for a while, and continues to send at a rate.
	CaseAway = "away"
)

// Config says what to measure.
type Config struct {
	// Cases are what to measure. CaseRandom and CaseBatch are compared with CaseSingle.
	Cases []string
	// Dir is the folder in which the event log and ClickHouse keep their data while the benchmark runs. Defaults
	// to the system's folder for temporary files.
	Dir string
	// Refdata is the folder of the reference data, as refdata.folder is. "" leaves the built-in data.
	Refdata string
	// Profile is a folder for profiles of the processor time of server and worker, or "".
	Profile string
	// Connections is how many connections send as fast as they are answered, Batch how many events a batch has.
	Connections, Batch int
	// Runs is how often single, random and batch events are sent in turn, each for Length. The median counts.
	Runs   int
	Length time.Duration
	// Rate is how many events a second are sent in the cases of latency and of ClickHouse away, by at most
	// Senders at once. In the case of latency the first WarmUp does not count.
	Rate    float64
	Senders int
	WarmUp  time.Duration
	// Events is how many events are sent in the case of memory.
	Events int64
	// Visitors is how many visitors are imitated.
	Visitors int
	// Away is how long ClickHouse is away.
	Away time.Duration
	// Patience is how long the writers may take to write what is in the log.
	Patience time.Duration
	// Check makes a missed goal an error.
	Check bool
}

// Cases returns the names of all cases.
func Cases() []string {
	return []string{CaseSingle, CaseRandom, CaseBatch, CaseLatency, CaseMemory, CaseAway}
}

// maxBatch is how many events a batch may have: the server takes 10,000 lines and 16 MiB.
const maxBatch = 10_000

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	for _, name := range c.Cases {
		if !slices.Contains(Cases(), name) {
			faults = append(faults, fmt.Errorf("-cases names %q: want some of %v", name, Cases()))
		}
	}
	for _, f := range []struct {
		flag        string
		value, most float64
	}{
		{"connections", float64(c.Connections), 4096},
		{"batch", float64(c.Batch), maxBatch},
		{"runs", float64(c.Runs), 1000},
		{"rate", c.Rate, 1e6},
		{"senders", float64(c.Senders), 4096},
		{"events", float64(c.Events), 1e9},
		{"visitors", float64(c.Visitors), 1e9},
	} {
		if f.value < 1 || f.value > f.most {
			faults = append(faults, fmt.Errorf("-%s is %v: want 1 to %.0f", f.flag, f.value, f.most))
		}
	}
	if c.Length < time.Second || c.Away < time.Second || c.Patience < time.Second || c.WarmUp < 0 {
		faults = append(faults, errors.New("-length, -away, -patience and -warm-up: want 1s or more, and 0s or more"))
	}
	return errors.Join(faults...)
}

func (c Config) has(name string) bool { return slices.Contains(c.Cases, name) }
