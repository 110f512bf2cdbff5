package apibench

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The cases.
const (
	// CaseAPI asks the REST API, and PostgreSQL the same questions.
	CaseAPI = "api"
	// CasePages asks for HTML pages, and PostgreSQL the same questions.
	CasePages = "pages"
	// CaseSubscribers opens streams of all imports, and changes an import.
	CaseSubscribers = "subscribers"
	// CaseNotify writes to imports with and without the triggers that notify servers.
	CaseNotify = "notify"
)

// Config says what to measure.
type Config struct {
	// Cases are what to measure.
	Cases []string
	// Sites, Imports and Jobs are how many of each the store has. Each import has parts and feedback, and every second
	// job an event of its own.
	Sites, Imports, Jobs int
	// Days is how many days of history the site has whose page is requested.
	Days int
	// Connections is how many connections ask at a time, each for Length. A tenth of the time is asked by one connection
	// alone: the time of the server without the queue.
	Connections int
	Length      time.Duration
	// Subscribers is how many streams are opened.
	Subscribers int
	// Writers is how many connections write to imports at a time, in Runs with and without triggers, each for
	// WriteLength. The median counts.
	Writers, Runs int
	WriteLength   time.Duration
	// Profile is a folder for the profile of the server's processor time, or "".
	Profile string
	// Check makes a missed goal an error.
	Check bool
}

// Cases returns the names of all cases.
func Cases() []string { return []string{CaseAPI, CasePages, CaseSubscribers, CaseNotify} }

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	for _, name := range c.Cases {
		if !slices.Contains(Cases(), name) {
			faults = append(faults, fmt.Errorf("-cases names %q: want some of %v", name, Cases()))
		}
	}
	for _, f := range []struct {
		flag               string
		value, least, most int
	}{
		{"sites", c.Sites, 1, 100_000},
		{"imports", c.Imports, 100, 1_000_000},
		{"jobs", c.Jobs, 1000, 100_000_000},
		{"days", c.Days, 1, 3650},
		{"connections", c.Connections, 1, 256},
		{"subscribers", c.Subscribers, 1, 100_000},
		{"writers", c.Writers, 1, 64},
		{"runs", c.Runs, 1, 1000},
	} {
		if f.value < f.least || f.value > f.most {
			faults = append(faults, fmt.Errorf("-%s is %d: want %d to %d", f.flag, f.value, f.least, f.most))
		}
	}
	if c.Length < 100*time.Millisecond || c.WriteLength < 100*time.Millisecond {
		faults = append(faults, errors.New("-length and -write-length: want 100ms or more"))
	}
	return errors.Join(faults...)
}

func (c Config) has(name string) bool { return slices.Contains(c.Cases, name) }
