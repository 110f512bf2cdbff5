package cron

import "time"

// horizon is the number of days that Next searches. Of all combinations of a day, a month and a weekday, a weekday's
// 29 February is the rarest: it recurs after at most 40 years, around a year such as 2100 that is no leap year. Any
// other recurs within 12 years.
const horizon = 40*366 + 1

// allHours is every hour of a day.
const allHours set = 1<<24 - 1

// Next returns the first time after the given one, in UTC; with @every, the time one interval
// later. It is zero for fields that Parse refuses.
func (s Schedule) Next(after time.Time) time.Time {
	if s.every > 0 {
		return after.Add(s.every).UTC()
	}
	year, month, day := after.In(s.zone).Date()
	for i := range horizon {
		date := time.Date(year, month, day+i, 0, 0, 0, 0, time.UTC)
		if !s.hasDay(date) {
			continue
		}
		next, found := s.onDay(date, after)
		if found {
			return next.UTC()
		}
	}
	return time.Time{}
}

func (s Schedule) hasDay(date time.Time) bool {
	if !s.months.has(int(date.Month())) {
		return false
	}
	day, weekday := s.days.has(date.Day()), s.weekdays.has(int(date.Weekday()))
	if s.eitherDay {
		return day || weekday
	}
	return day && weekday
}

// onDay returns the first time of a day after the given one. The date is in UTC, whatever the zone:
// there, each day has 24 hours of 60 minutes.
func (s Schedule) onDay(date, after time.Time) (next time.Time, found bool) {
	if s.hours == allHours {
		return s.byMinute(date, after)
	}
	for hour := range 24 {
		if !s.hours.has(hour) {
			continue
		}
		for minute := range 60 {
			if !s.minutes.has(minute) {
				continue
			}
			wall := date.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
			if at := s.instant(wall); at.After(after) {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

// byMinute steps through the elapsed minutes of a day, regardless of clock changes.
func (s Schedule) byMinute(date, after time.Time) (next time.Time, found bool) {
	at, end := s.instant(date), s.instant(date.AddDate(0, 0, 1))
	if after.After(at) {
		at = after.Truncate(time.Minute)
	}
	for ; at.Before(end); at = at.Add(time.Minute) {
		if at.After(after) && s.minutes.has(at.In(s.zone).Minute()) {
			return at, true
		}
	}
	return time.Time{}, false
}

// instant returns the time at which the clocks of the zone show wall, which is given as if it was
// in UTC: the first one if there are two, and the end of the gap if there is none.
func (s Schedule) instant(wall time.Time) time.Time {
	// The offsets a day earlier and a day later are those before and after a clock change. Without
	// a change they are equal.
	before, after := s.by(wall, wall.AddDate(0, 0, -1)), s.by(wall, wall.AddDate(0, 0, 1))
	switch {
	case s.shows(before, wall):
		return before
	case s.shows(after, wall):
		return after
	default:
		// With the earlier offset the time is after the gap, whose end is the start of the new
		// offset.
		end, _ := before.In(s.zone).ZoneBounds()
		return end
	}
}

// by interprets a wall clock with the zone's offset at a time.
func (s Schedule) by(wall, at time.Time) time.Time {
	_, offset := at.In(s.zone).Zone()
	return wall.Add(-time.Duration(offset) * time.Second)
}

// shows reports whether the clocks of the zone show wall at a time.
func (s Schedule) shows(at, wall time.Time) bool {
	_, offset := at.In(s.zone).Zone()
	return at.Add(time.Duration(offset) * time.Second).Equal(wall)
}
