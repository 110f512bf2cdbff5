package config

import (
	"time"

	"github.com/sluicehq/sluice/store"
)

// Limits bound how many imports there are. Each is enforced in the store.
type Limits struct {
	// ImportsPerSite is how many imports a site may have: those that have completed and
	// those that are under way. Defaults to 1000; 0 is no limit.
	ImportsPerSite int64 `yaml:"imports_per_site"`
	// Running is how many imports may be at work at once; the others wait their turn.
	// Defaults to 64; 0 is no limit.
	Running int64 `yaml:"running"`
	// RunningPerSite is how many of one site. Defaults to 8; 0 is no limit. Only
	// importers that share their locks ever come so far.
	RunningPerSite int64 `yaml:"running_per_site"`
}

// Locks returns the limits that granting locks goes by.
func (l Limits) Locks() store.LockLimits {
	return store.LockLimits{Running: l.Running, RunningPerSite: l.RunningPerSite}
}

func defaultLimits() Limits { return Limits{ImportsPerSite: 1000, Running: 64, RunningPerSite: 8} }

func (l Limits) validate(check func(ok bool, format string, args ...any)) {
	check(l.ImportsPerSite >= 0, "limits.imports_per_site is %d: want at least 0", l.ImportsPerSite)
	check(l.Running >= 0, "limits.running is %d: want at least 0", l.Running)
	check(l.RunningPerSite >= 0, "limits.running_per_site is %d: want at least 0", l.RunningPerSite)
}

// Review has the defaults of imports that wait for a decision.
type Review struct {
	// FourEyes refuses a decision to accept by the person who has started the import.
	// Defaults to false.
	FourEyes bool `yaml:"four_eyes"`
	// Reminder is after how long people are reminded, and how long after that again.
	// Defaults to 24h.
	Reminder time.Duration `yaml:"reminder"`
	// Expiry is after how long an import that nobody has decided about is declined.
	// Defaults to 336h, two weeks.
	Expiry time.Duration `yaml:"expiry"`
}

func defaultReview() Review { return Review{Reminder: 24 * time.Hour, Expiry: 14 * 24 * time.Hour} }

func (r Review) validate(check func(ok bool, format string, args ...any)) {
	check(r.Reminder >= time.Second, "review.reminder is %s: want at least 1s", r.Reminder)
	check(r.Expiry >= time.Second, "review.expiry is %s: want at least 1s", r.Expiry)
}
