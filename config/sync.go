package config

import "time"

// Sync configures `sluice sync watch`.
type Sync struct {
	// Interval is the time between two looks at the state file, 1s to 24h. Defaults to 1m.
	Interval time.Duration `yaml:"interval"`
	// Every is the age of a timestamp from which on a list is updated, in whole seconds, 1m to 744h. Defaults to 2h.
	Every time.Duration `yaml:"every"`
}

func defaultSync() Sync { return Sync{Interval: time.Minute, Every: 2 * time.Hour} }

func (s Sync) validate(check func(ok bool, format string, args ...any)) {
	check(s.Interval >= time.Second && s.Interval <= 24*time.Hour, "sync.interval is %s: want 1s to 24h", s.Interval)
	check(s.Every >= time.Minute && s.Every <= 744*time.Hour && s.Every%time.Second == 0,
		"sync.every is %s: want whole seconds, 1m to 744h", s.Every)
}
