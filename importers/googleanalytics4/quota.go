package googleanalytics4

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sluicehq/sluice/importers"
)

// resetJitter spreads what waits for a quota over a while after its reset.
const resetJitter = time.Minute

// nextHour returns when hourly quotas are there again.
func nextHour(now time.Time) time.Time { return now.Truncate(time.Hour).Add(time.Hour) }

// nextDay returns when daily quotas are there again: at midnight Pacific time. See
// https://developers.google.com/analytics/devguides/reporting/data/v1/quotas.
func nextDay(now time.Time) time.Time {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		// Without a time zone database the winter's time will do: at most an hour late.
		zone = time.FixedZone("PST", -8*60*60)
	}
	year, month, day := now.In(zone).Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, zone)
}

// quota is one of a property's quotas.
type quota struct {
	// what names it in messages.
	what string
	of   func(*propertyQuota) *quotaStatus
	// limit is that of a standard property; one of Analytics 360 has larger times as much.
	limit, larger int64
	reset         func(now time.Time) time.Time
}

// quotas are those that a request takes from, the one that takes longest to come back
// first.
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

// quotaBook remembers what answers have told of quotas, by connection and property.
type quotaBook struct {
	mu    sync.Mutex
	pages map[string][]quotaEntry
}

// quotaEntry is what is known of one of quotas.
type quotaEntry struct {
	remaining int64
	reset     time.Time
	large     bool
	// warned says until when nobody needs to be told again that it runs out.
	warned time.Time
}

// check returns an error to wait by if a quota is known to be used up.
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

// note remembers what an answer has told and returns warnings about quotas that run out,
// each once until its reset.
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
			b.pages[key][i].remaining = 1 // not known to be used up
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
				"less than 10 %% is left of Google's quota of %s (%d of %d): the import waits when it is used up",
				q.what, status.Remaining, limit))
		}
	}
	return warnings
}

// waitFor returns the error that makes an import wait for a quota.
func waitFor(q quota, now time.Time, jitter func(time.Duration) time.Duration) error {
	until := q.reset(now)
	return importers.WaitUntil(until.Add(jitter(resetJitter)), fmt.Errorf(
		"%w of %s is used up: going on after %s", errQuota, q.what, until.UTC().Format("2006-01-02 15:04 MST")))
}

var errQuota = errors.New("google's quota")
