// Package cron reads the intervals at which destinations are loaded, imports are repeated
// and syncs run, says what comes next, and which field of an expression is wrong.
//
// Parse reads what Sluice itself runs by, Check and Calendars are for what Temporal's schedules run by.
// Both take the fields of crontab(5) with lists, ranges, steps and names, and mean the same days by them.
//
// The libraries that there are were looked at and left: robfig/cron/v3 has had no release
// since 2020, loses what falls into the hour that summer time takes away and panics on some
// zones, its maintained fork runs a daily job twice on the day when clocks go back, and
// none says which of the five fields is wrong.
package cron

import (
	"fmt"
	"strings"
	"time"
)

// Schedule is a series of moments. It is safe for concurrent use.
type Schedule struct {
	every time.Duration
	zone  *time.Location

	minutes, hours, days, months, weekdays set
	// eitherDay says that a day that matches either days or weekdays is enough.
	eitherDay bool
}

// MinEvery and MaxEvery bound the duration behind @every.
const (
	MinEvery = time.Second
	MaxEvery = 366 * 24 * time.Hour
)

// maxText bounds the text of an interval, in bytes.
const maxText = 200

// Parse reads an interval: "@every 1h30m", "@hourly", "@daily" or "@midnight", "@weekly",
// "@monthly", "@yearly" or "@annually", or the five fields minute, hour, day of the month, month and day of the week,
// each with *, numbers, ranges, lists and steps. As in crontab(5), if neither the day of the month nor
// the day of the week begins with *, a day that matches either of the two is enough: "0 3 1-7 * mon" is
// every Monday and the first seven days of each month. zone is the IANA name of the time zone that the
// fields are about, "" for UTC.
//
// When clocks go forward, what falls into the time that there is not happens at its end.
// When they go back, what falls into the time that comes twice happens the first time,
// unless it happens in every hour: then the hour that comes twice is two hours.
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

// hasDays refuses fields that no day fits, such as the 30th of February.
func (s Schedule) hasDays(text string) error {
	// The days of any nine years in a row are those of all, but around 2100.
	if s.Next(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return fmt.Errorf("%q: there is no such day", text)
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
