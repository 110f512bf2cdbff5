package config

import (
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/cron"
)

// Retention configures how long events, their jobs, the jobs' history and the audit are kept.
type Retention struct {
	// Events is the time that events are kept after their receipt, at least 1m. Defaults to
	// 0, which keeps them forever.
	Events time.Duration `yaml:"events"`
	// States lists states, separated by commas: succeeded, discarded, cancelled. An event is
	// purged if all of its jobs are in one of them. Defaults to succeeded.
	States string `yaml:"states"`
	// Sources and NotSources list the sources whose events are purged or kept, separated by
	// commas. Default to purging the events of all sources.
	Sources    string `yaml:"sources"`
	NotSources string `yaml:"not_sources"`
	// Cron is the schedule of the purge, in UTC. Defaults to "0 3 * * *".
	Cron string `yaml:"cron"`
	// Jitter is the maximum random delay of the purge. Defaults to 1h.
	Jitter time.Duration `yaml:"jitter"`
	// Audit is the time that entries of the audit are kept, at least 24h; 0 keeps them forever. Defaults to 400 days.
	Audit time.Duration `yaml:"audit"`
}

func defaultRetention() Retention {
	return Retention{States: "succeeded", Cron: "0 3 * * *", Jitter: time.Hour, Audit: 400 * 24 * time.Hour}
}

// StateNames returns the names of States.
func (r Retention) StateNames() []string { return listed(r.States) }

// SourceNames returns the names of Sources.
func (r Retention) SourceNames() []string { return listed(r.Sources) }

// NotSourceNames returns the names of NotSources.
func (r Retention) NotSourceNames() []string { return listed(r.NotSources) }

// endedStates returns the states that States can list.
func endedStates() []string { return []string{"succeeded", "discarded", "cancelled"} }

func (r Retention) validate(check func(ok bool, format string, args ...any)) {
	check(r.Events == 0 || r.Events >= time.Minute && r.Events%time.Second == 0,
		"retention.events is %s: want 0, for ever, or whole seconds, at least 1m", r.Events)
	check(len(r.StateNames()) > 0, "retention.states is empty: want some of %s", strings.Join(endedStates(), ", "))
	for _, state := range r.StateNames() {
		check(slices.Contains(endedStates(), state),
			"retention.states has %q: want some of %s", state, strings.Join(endedStates(), ", "))
	}
	if err := cron.Check(r.Cron); err != nil {
		check(false, "retention.cron: %w", err)
	}
	check(r.Audit == 0 || r.Audit >= 24*time.Hour, "retention.audit is %s: want 0, for ever, or at least 24h", r.Audit)
	check(r.Jitter >= 0 && r.Jitter <= 24*time.Hour, "retention.jitter is %s: want 0 to 24h", r.Jitter)
}
