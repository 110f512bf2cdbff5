package config

import "time"

// Limits bound the number of imports. The store enforces them.
type Limits struct {
	// ImportsPerSite is the maximum number of completed and unfinished imports of a site.
	// Defaults to 1000; 0 is no limit.
	ImportsPerSite int64 `yaml:"imports_per_site"`
	// Running is the maximum number of imports that run concurrently; the others wait.
	// Defaults to 64; 0 is no limit.
	Running int64 `yaml:"running"`
	// RunningPerSite is the same limit for one site. Defaults to 8; 0 is no limit. It
	// affects only importers with shared locks.
	RunningPerSite int64 `yaml:"running_per_site"`
}

func defaultLimits() Limits { return Limits{ImportsPerSite: 1000, Running: 64, RunningPerSite: 8} }

func (l Limits) validate(check func(ok bool, format string, args ...any)) {
	check(l.ImportsPerSite >= 0, "limits.imports_per_site is %d: want at least 0", l.ImportsPerSite)
	check(l.Running >= 0, "limits.running is %d: want at least 0", l.Running)
	check(l.RunningPerSite >= 0, "limits.running_per_site is %d: want at least 0", l.RunningPerSite)
}

// Review holds the defaults of imports in review.
type Review struct {
	// RequireSecondApprover refuses a decision to accept by the person who has started the import.
	// Defaults to false.
	RequireSecondApprover bool `yaml:"require_second_approver"`
	// Reminder is the interval of reminders. Defaults to 24h.
	Reminder time.Duration `yaml:"reminder"`
	// Expiry is the time after which an import without a decision is declined. Defaults to
	// 336h, two weeks.
	Expiry time.Duration `yaml:"expiry"`
}

func defaultReview() Review { return Review{Reminder: 24 * time.Hour, Expiry: 14 * 24 * time.Hour} }

func (r Review) validate(check func(ok bool, format string, args ...any)) {
	check(r.Reminder >= time.Second, "review.reminder is %s: want at least 1s", r.Reminder)
	check(r.Expiry >= time.Second, "review.expiry is %s: want at least 1s", r.Expiry)
}
