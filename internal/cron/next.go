package cron

import "time"

// horizon is how many days Next looks ahead: a 29th of February is eight years away at
// most.
const horizon = 9 * 366

// allHours is every hour of a day.
const allHours set = 1<<24 - 1

// Next returns the first moment behind the given one, in UTC: with @every, the length of
// the interval later. It is zero if there is none in nine years.
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

// onDay returns the first moment of a day that lies behind the given one. The date is in
// UTC, whatever the zone is: there, each day has 24 hours of 60 minutes.
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

// byMinute goes through the minutes of a day as they pass, whatever clocks do.
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

// instant returns the moment at which the clocks of the zone show a time, which is given
// as if it was in UTC: the first one if there are two, and the end of the gap if there is
// none.
func (s Schedule) instant(wall time.Time) time.Time {
	// What clocks showed a day before and will show a day later has the zone's offsets on
	// both sides of a change. Where there is none they are the same.
	before, after := s.by(wall, wall.AddDate(0, 0, -1)), s.by(wall, wall.AddDate(0, 0, 1))
	switch {
	case s.shows(before, wall):
		return before
	case s.shows(after, wall):
		return after
	default:
		// The offset of before leads behind the gap: its end is where the new one begins.
		end, _ := before.In(s.zone).ZoneBounds()
		return end
	}
}

// by reads a wall clock by the offset that the zone has at a moment.
func (s Schedule) by(wall, at time.Time) time.Time {
	_, offset := at.In(s.zone).Zone()
	return wall.Add(-time.Duration(offset) * time.Second)
}

// shows says whether the clocks of the zone show a time at a moment.
func (s Schedule) shows(at, wall time.Time) bool {
	_, offset := at.In(s.zone).Zone()
	return at.Add(time.Duration(offset) * time.Second).Equal(wall)
}
