// Package cron checks cron expressions before a server sees them, with errors that say
// which field is wrong and what would be right.
//
// What is accepted is what Temporal reads the same way as everybody else: the five
// fields of crontab(5), with lists, ranges, steps and names, and the macros @hourly to
// @yearly. One thing differs: where both a day of the month and a day of the week are
// given, a day must match both, so that "0 3 1-7 * mon" is the first Monday.
package cron

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxLength bounds an expression, in bytes.
const maxLength = 200

// macros stand for whole expressions.
var macros = []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}

// field is one of the five fields.
type field struct {
	name     string
	min, max int
	// names are the names of the values from first on.
	names []string
	first int
}

var fields = []field{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of the month", min: 1, max: 31},
	{
		name: "month", min: 1, max: 12, first: 1,
		names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"},
	},
	// 0 and 7 are both Sunday.
	{name: "day of the week", max: 7, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// Check reports every fault of an expression at once.
func Check(expression string) error {
	text := strings.TrimSpace(expression)
	switch {
	case text == "":
		return errors.New("is empty: want five fields, such as '0 3 * * *' for every day at 03:00")
	case len(text) > maxLength:
		return fmt.Errorf("has %d bytes: at most %d are allowed", len(text), maxLength)
	case slices.Contains(macros, text):
		return nil
	case strings.HasPrefix(text, "@every"):
		return errors.New("uses @every: an interval is given by --every")
	case strings.HasPrefix(text, "@"):
		return fmt.Errorf("%q is no macro: they are %s", text, strings.Join(macros, ", "))
	case strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="):
		return errors.New("names a time zone: that is given by --timezone")
	case strings.Contains(text, "#"):
		return errors.New("holds a #: comments are not for here")
	}
	parts := strings.Fields(text)
	if len(parts) != len(fields) {
		return fmt.Errorf("%q has %d fields: want five: minute, hour, day, month, weekday",
			text, len(parts))
	}
	var faults []error
	for i, f := range fields {
		if err := f.check(parts[i]); err != nil {
			faults = append(faults, fmt.Errorf("%s %q: %w", f.name, parts[i], err))
		}
	}
	return errors.Join(faults...)
}

// check refuses a field that is not a list of values, ranges and steps.
func (f field) check(text string) error {
	for item := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(item, "/")
		if stepped {
			if n, err := number(step); err != nil || n < 1 || n > f.max {
				return fmt.Errorf("the step behind / is %q: want 1 to %d", step, f.max)
			}
		}
		if span == "*" {
			continue
		}
		from, to, ranged := strings.Cut(span, "-")
		first, err := f.value(from)
		if err != nil {
			return err
		}
		if !ranged {
			continue
		}
		last, err := f.value(to)
		if err != nil {
			return err
		}
		if last < first {
			return fmt.Errorf("%s ends before it starts: write it as two ranges", span)
		}
	}
	return nil
}

// value reads a number or a name.
func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToLower(text)); i >= 0 {
		return f.first + i, nil
	}
	n, err := number(text)
	if err != nil || n < f.min || n > f.max {
		if f.names != nil {
			return 0, fmt.Errorf("%q: want %d to %d, or %s to %s", text, f.min, f.max, f.names[0], f.names[len(f.names)-1])
		}
		return 0, fmt.Errorf("%q: want %d to %d, or * for all", text, f.min, f.max)
	}
	return n, nil
}

// number reads digits only: signs, which the standard library takes, are for nothing here.
func number(text string) (int, error) {
	if strings.Trim(text, "0123456789") != "" || text == "" || len(text) > 2 {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(text)
}
