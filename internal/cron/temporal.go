package cron

import (
	"errors"
	"slices"
	"strings"
)

// Check reports every fault of an expression for a Temporal schedule, before the server does. It
// accepts the input of Parse except @every: a schedule has a separate setting for intervals.
func Check(expression string) error {
	if strings.HasPrefix(strings.TrimSpace(expression), "@every") {
		return errors.New("contains @every: use --every for an interval")
	}
	_, err := Parse(expression, "")
	return err
}

// Calendars returns the Temporal expressions that together are equivalent to an expression of
// Parse. If the day of the month and the day of the week are both restricted, Temporal requires a
// match of both, cron of either: Temporal then gets one expression for each of them. A schedule is
// the union of its expressions (https://docs.temporal.io/schedule#spec).
func Calendars(expression string) []string {
	byDay := strings.Fields(expression)
	if len(byDay) != len(fields) || !eitherDay(byDay) {
		return []string{strings.TrimSpace(expression)}
	}
	byWeekday := slices.Clone(byDay)
	byDay[4], byWeekday[2] = "*", "*"
	return []string{strings.Join(byDay, " "), strings.Join(byWeekday, " ")}
}

// Expressions returns the Calendars of an expression as Temporal's schedules take them. The server
// turns them into calendars; the comment of each keeps what was typed.
func Expressions(expression string) []string {
	text := strings.TrimSpace(expression)
	expressions := Calendars(text)
	for i := range expressions {
		expressions[i] += " # " + text
	}
	return expressions
}
