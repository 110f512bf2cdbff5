package history

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/calendar"
)

// Interval is the length of a period.
type Interval string

// Intervals. Weeks begin on Monday.
const (
	IntervalDay   Interval = "day"
	IntervalWeek  Interval = "week"
	IntervalMonth Interval = "month"
)

// Intervals returns all intervals, the shortest first.
func Intervals() []Interval { return []Interval{IntervalDay, IntervalWeek, IntervalMonth} }

// starts are the functions of ClickHouse that return the first day of a period.
var starts = map[Interval]string{
	IntervalDay: "day", IntervalWeek: "toMonday(day)", IntervalMonth: "toStartOfMonth(day)",
}

// IntervalFor returns the interval that suits a range: days up to 92 days, weeks up to two years, then months.
func IntervalFor(days calendar.Range) Interval {
	switch n := days.Days(); {
	case n <= 92:
		return IntervalDay
	case n <= 731:
		return IntervalWeek
	default:
		return IntervalMonth
	}
}

// Start returns the first day of the period of a day, as ClickHouse does: never one before 1970.
func (i Interval) Start(d calendar.Day) calendar.Day {
	switch t := d.Time(); i {
	case IntervalWeek:
		return max(d-calendar.Day((t.Weekday()+6)%7), calendar.MinDay)
	case IntervalMonth:
		return d - calendar.Day(t.Day()-1)
	default:
		return d
	}
}

// Next returns the first day of the period after that of a day.
func (i Interval) Next(d calendar.Day) calendar.Day {
	switch i {
	case IntervalWeek:
		return d + calendar.Day(7-(d.Time().Weekday()+6)%7)
	case IntervalMonth:
		t := d.Time()
		return calendar.DayOf(time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC))
	default:
		return d + 1
	}
}

// Periods returns the first days of the periods of a range. The first of them may be before the range.
func (i Interval) Periods(days calendar.Range) []calendar.Day {
	var all []calendar.Day
	for d := i.Start(days.First); d <= days.Last; d = i.Next(d) {
		all = append(all, d)
	}
	return all
}

// Metric is what is counted.
type Metric string

// Metrics.
const (
	MetricVisitors  Metric = "visitors"
	MetricPageviews Metric = "pageviews"
	MetricVisits    Metric = "visits"
)

// Metrics returns all metrics.
func Metrics() []Metric { return []Metric{MetricVisitors, MetricPageviews, MetricVisits} }

// oneOf returns ErrInvalid unless a value is one of a list.
func oneOf[T ~string](name string, value T, list []T) error {
	if !slices.Contains(list, value) {
		return fmt.Errorf("%w: %s %.40q: want one of %v", ErrInvalid, name, value, list)
	}
	return nil
}
