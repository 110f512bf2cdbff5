package cron

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// set is a set of small numbers, one per bit.
type set uint64

func (s set) has(n int) bool { return s>>n&1 == 1 }

// shorthands maps descriptors to their five fields.
var shorthands = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// forms lists the valid forms of an expression.
const forms = "@every, @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually or five cron fields"

// field is one of the five fields.
type field struct {
	name, takes string
	least, most int
	// names are aliases of the numbers from least on.
	names []string
}

var fields = [5]field{
	{name: "minute", takes: "0 to 59", most: 59},
	{name: "hour", takes: "0 to 23", most: 23},
	{name: "day of the month", takes: "1 to 31", least: 1, most: 31},
	{
		name: "month", takes: "1 to 12 or jan to dec", least: 1, most: 12,
		names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"},
	},
	{
		// 7 is Sunday as well as 0.
		name: "day of the week", takes: "0 to 7 or sun to sat, 0 and 7 being Sunday", most: 7,
		names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"},
	},
}

// parseFields parses five fields or a descriptor, and reports every fault.
func (s *Schedule) parseFields(text string) error {
	switch {
	case text == "":
		return errors.New("is empty: want five fields, such as '0 3 * * *' for every day at 03:00")
	case len(text) > maxText:
		return fmt.Errorf("has %d bytes: want at most %d", len(text), maxText)
	case strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="):
		return errors.New("contains a time zone: use --timezone")
	case strings.Contains(text, "#"):
		return errors.New("contains a #: comments are not allowed")
	case strings.HasPrefix(text, "@"):
		long, known := shorthands[text]
		if !known {
			return fmt.Errorf("unknown descriptor %q (want %s)", text, forms)
		}
		text = long
	}
	all := strings.Fields(text)
	if len(all) != len(fields) {
		return fmt.Errorf("%q has %d fields: want minute, hour, day of the month, month and day of the week", text, len(all))
	}
	var faults []error
	for i, into := range []*set{&s.minutes, &s.hours, &s.days, &s.months, &s.weekdays} {
		for entry := range strings.SplitSeq(all[i], ",") {
			some, ok := fields[i].parse(entry)
			if !ok {
				faults = append(faults, fmt.Errorf("field %d, the %s: invalid %q: want *, or %s, with ranges as in 1-5, "+
					"lists as in 1,3 and steps as in */2", i+1, fields[i].name, entry, fields[i].takes))
			}
			*into |= some
		}
	}
	if s.weekdays.has(7) {
		s.weekdays |= 1
	}
	s.eitherDay = eitherDay(all)
	return errors.Join(faults...)
}

// eitherDay reports whether both kinds of days are restricted, so that either match is enough.
func eitherDay(fields []string) bool {
	return !strings.HasPrefix(fields[2], "*") && !strings.HasPrefix(fields[4], "*")
}

// parse parses one entry of a list: *, a number or a range, with or without a step.
func (f field) parse(text string) (some set, ok bool) {
	span, step, stepped := strings.Cut(text, "/")
	by := 1
	if stepped {
		if by, ok = number(step); !ok || by == 0 || by > f.most {
			return 0, false
		}
	}
	first, last := f.least, f.most
	if span != "*" {
		from, to, ranged := strings.Cut(span, "-")
		if first, ok = f.value(from); !ok {
			return 0, false
		}
		switch {
		case ranged:
			last, ok = f.value(to)
		case !stepped:
			last = first
		}
		if !ok || last < first {
			return 0, false
		}
	}
	for n := first; n <= last; n += by {
		some |= 1 << n
	}
	return some, true
}

// value parses a number of the field, or its name.
func (f field) value(text string) (n int, ok bool) {
	// Not EqualFold, which also equates some letters outside ASCII.
	if i := slices.Index(f.names, strings.ToLower(text)); i >= 0 {
		return f.least + i, true
	}
	n, ok = number(text)
	return n, ok && n >= f.least && n <= f.most
}

// number parses digits only.
func number(text string) (int, bool) {
	for _, r := range text {
		if r < '0' || r > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}
