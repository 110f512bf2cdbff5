package googleanalytics4

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sluicehq/sluice/importers"
)

// resetJitter spreads the waiting imports after the reset of a quota.
const resetJitter = time.Minute

// nextHour returns the reset of hourly quotas.
func nextHour(now time.Time) time.Time { return now.Truncate(time.Hour).Add(time.Hour) }

// nextDay returns the reset of daily quotas: midnight Pacific time. See
// https://developers.google.com/analytics/devguides/reporting/data/v1/quotas.
func nextDay(now time.Time) time.Time {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		// Without a time zone database, standard time is at most an hour late.
		zone = time.FixedZone("PST", -8*60*60)
	}
	year, month, day := now.In(zone).Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, zone)
}

// quota is one of a property's quotas.
type quota struct {
	// what names the quota in messages.
	what string
	of   func(*propertyQuota) *quotaStatus
	// limit is that of a standard property; an Analytics 360 property has larger times as much.
	limit, larger int64
	reset         func(now time.Time) time.Time
}

// quotas are the quotas that a request consumes, the one with the longest period first.
var quotas = []quota{
	{
		"tokens of the property per day",
		func(p *propertyQuota) *quotaStatus { return p.TokensPerDay }, 200_000, 10, nextDay,
	},
	{
		"tokens of the property per hour",
		func(p *propertyQuota) *quotaStatus { return p.TokensPerHour }, 40_000, 10, nextHour,
	},
	{
		"tokens of the property per hour and Google Cloud project",
		func(p *propertyQuota) *quotaStatus { return p.TokensPerProjectPerHour }, 14_000, 10, nextHour,
	},
	{
		"server errors per hour and Google Cloud project",
		func(p *propertyQuota) *quotaStatus { return p.ServerErrorsPerProjectPerHour }, 10, 5, nextHour,
	},
}

// quotaBook caches the quotas of the last responses, by connection and property.
type quotaBook struct {
	mu    sync.Mutex
	pages map[string][]quotaEntry
}

// quotaEntry is the last known state of a quota.
type quotaEntry struct {
	remaining int64
	reset     time.Time
	large     bool
	// warned is the time until which a low quota is not reported again.
	warned time.Time
}

// check returns a WaitError if a quota is known to be exhausted.
func (b *quotaBook) check(key string, now time.Time, jitter func(time.Duration) time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, e := range b.pages[key] {
		if e.remaining <= 0 && now.Before(e.reset) {
			return waitFor(quotas[i], now, jitter)
		}
	}
	return nil
}

// note records the quotas of a response and returns warnings about low ones, each once until its
// reset.
func (b *quotaBook) note(key string, told *propertyQuota, now time.Time) (warnings []string) {
	if told == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pages == nil {
		b.pages = map[string][]quotaEntry{}
	}
	if b.pages[key] == nil {
		b.pages[key] = make([]quotaEntry, len(quotas))
		for i := range quotas {
			b.pages[key][i].remaining = 1 // not known to be exhausted
		}
	}
	for i, q := range quotas {
		status := q.of(told)
		if status == nil {
			continue
		}
		e := &b.pages[key][i]
		e.remaining, e.reset = status.Remaining, q.reset(now)
		e.large = e.large || status.Remaining > q.limit
		limit := q.limit
		if e.large {
			limit *= q.larger
		}
		if status.Remaining*10 < limit && !now.Before(e.warned) {
			e.warned = e.reset
			warnings = append(warnings, fmt.Sprintf(
				"less than 10 %% of Google's quota of %s is left (%d of %d): the import waits once it is exhausted",
				q.what, status.Remaining, limit))
		}
	}
	return warnings
}

// waitFor returns the error that makes an import wait for a quota.
func waitFor(q quota, now time.Time, jitter func(time.Duration) time.Duration) error {
	until := q.reset(now)
	return importers.WaitUntil(until.Add(jitter(resetJitter)), fmt.Errorf(
		"%w of %s is exhausted: the import continues after %s", errQuota, q.what, until.UTC().Format("2006-01-02 15:04 MST")))
}

var errQuota = errors.New("google's quota")
