package cron

import (
	"errors"
	"slices"
	"strings"
)

// Check reports every fault of an expression that a Temporal schedule is to run by, before the server
// sees it. It accepts what Parse does, but for @every: a schedule has a setting of its own for intervals.
func Check(expression string) error {
	if strings.HasPrefix(strings.TrimSpace(expression), "@every") {
		return errors.New("uses @every: an interval is given by --every")
	}
	_, err := Parse(expression, "")
	return err
}

// Calendars returns the expressions that together mean to Temporal what an expression means to Parse.
// Where the day of the month and the day of the week are both restricted, Temporal runs on days that
// match both, and cron on days that match either: Temporal then gets an expression for each of the two.
// https://docs.temporal.io/schedule#spec has the union of all expressions of a schedule.
func Calendars(expression string) []string {
	byDay := strings.Fields(expression)
	if len(byDay) != len(fields) || !eitherDay(byDay) {
		return []string{strings.TrimSpace(expression)}
	}
	byWeekday := slices.Clone(byDay)
	byDay[4], byWeekday[2] = "*", "*"
	return []string{strings.Join(byDay, " "), strings.Join(byWeekday, " ")}
}
