// Package calendar defines days, ranges of days and sets of days, such as the days
// that an import covers and those that are free. A day has no time zone of its own:
// it is a day in the time zone of its site.
package calendar

import (
	"encoding/json"
	"fmt"
	"time"
)

// Day is a calendar day, counted from 1970-01-01.
type Day int32

// The first and the last day that the warehouse can store: ClickHouse's Date is a uint16.
const (
	MinDay Day = 0
	MaxDay Day = 1<<16 - 1
)

const secondsPerDay = 24 * 60 * 60

// DayOf returns the day of a time in the location of the time.
func DayOf(t time.Time) Day {
	year, month, day := t.Date()
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

// ParseDay parses a day in the form YYYY-MM-DD. The error reports invalid days, such as
// 2023-02-29, and days outside 1970-01-01 to 2149-06-06.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a day: want a day of the calendar, written as YYYY-MM-DD", s)
	}
	d := Day(t.Unix() / secondsPerDay)
	if t.Unix() < 0 || d > MaxDay {
		return 0, fmt.Errorf("%s is out of range: want %s to %s", s, MinDay, MaxDay)
	}
	return d, nil
}

// Time returns midnight UTC of the day.
func (d Day) Time() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// String returns the day as YYYY-MM-DD.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// MarshalJSON encodes the day as a string, YYYY-MM-DD.
func (d Day) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON decodes a day from a string, YYYY-MM-DD.
func (d *Day) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("want a day as a string, YYYY-MM-DD: %w", err)
	}
	parsed, err := ParseDay(s)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
