// Package cron parses the schedules of destinations, imports and syncs, computes their next times,
// and reports which field of an expression is invalid.
//
// Parse is for schedules that Sluice runs itself, Check and Calendars are for Temporal's schedules.
// Both accept the fields of crontab(5) with lists, ranges, steps and names, with the same meaning.
//
// Existing libraries were evaluated and rejected: robfig/cron/v3 has had no release since 2020,
// skips runs in the hour that daylight saving removes and panics on some time zones, its maintained
// fork runs a daily job twice on the day when clocks are set back, and none reports which of the
// five fields is invalid.
package cron

import (
	"fmt"
	"strings"
	"time"
)

// Schedule is a series of times. It is safe for concurrent use.
type Schedule struct {
	every time.Duration
	zone  *time.Location

	minutes, hours, days, months, weekdays set
	// eitherDay means that a match of either the day of the month or the day of the week is enough.
	eitherDay bool
}

// MinEvery and MaxEvery bound the duration of @every.
const (
	MinEvery = time.Second
	MaxEvery = 366 * 24 * time.Hour
)

// maxText is the length limit of an expression, in bytes.
const maxText = 200

// Parse parses a schedule: "@every 1h30m", "@hourly", "@daily" or "@midnight", "@weekly",
// "@monthly", "@yearly" or "@annually", or the five fields minute, hour, day of the month, month
// and day of the week, each with *, numbers, ranges, lists and steps. As in crontab(5), if neither
// the day of the month nor the day of the week begins with *, a match of either is enough: "0 3 1-7
// * mon" is every Monday and the first seven days of each month. zone is the IANA name of the time
// zone of the fields, "" for UTC.
//
// A run scheduled in the hour skipped by daylight saving fires when that hour ends. A run in the
// repeated hour fires the first time only, unless it runs in every hour: then it fires in both.
func Parse(text, zone string) (Schedule, error) {
	s := Schedule{zone: time.UTC}
	if zone != "" {
		location, err := time.LoadLocation(zone)
		if err != nil || zone == "Local" {
			return Schedule{}, fmt.Errorf("%q is not a time zone: want a name such as Europe/Berlin", zone)
		}
		s.zone = location
	}
	text = strings.TrimSpace(text)
	if length, ok := strings.CutPrefix(text, "@every"); ok {
		every, err := parseEvery(strings.TrimSpace(length))
		s.every = every
		return s, err
	}
	if err := s.parseFields(text); err != nil {
		return Schedule{}, err
	}
	return s, s.hasDays(text)
}

// hasDays rejects fields that no day matches, such as 30 February. A day that is rare, such as 29 February on a Sunday,
// is accepted.
func (s Schedule) hasDays(text string) error {
	if s.Next(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return fmt.Errorf("%q never runs: none of its months has such a day", text)
	}
	return nil
}

func parseEvery(text string) (time.Duration, error) {
	every, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("@every: %q is not a duration: want one such as 90s or 1h30m", text)
	}
	if every < MinEvery || every > MaxEvery {
		return 0, fmt.Errorf("@every: %s is out of range: want %s to %s", every, MinEvery, MaxEvery)
	}
	return every, nil
}
