package calendar

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"time"
)

// Value stores the day as SQL date.
func (d Day) Value() (driver.Value, error) { return d.Time(), nil }

// Scan reads the day from an SQL date.
func (d *Day) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		*d = DayOf(v)
		return nil
	case string:
		parsed, err := ParseDay(v)
		if err != nil {
			return err
		}
		*d = parsed
		return nil
	default:
		return fmt.Errorf("scan day: a %T is not a date", src)
	}
}

// Value stores the set as PostgreSQL's datemultirange.
func (s Set) Value() (driver.Value, error) {
	ranges := make([]string, len(s))
	for i, r := range s {
		ranges[i] = fmt.Sprintf("[%s,%s]", r.First, r.Last)
	}
	return "{" + strings.Join(ranges, ",") + "}", nil
}

// Scan reads the set from PostgreSQL's datemultirange, whose ranges include
// their first day and exclude their last; null is the empty set.
func (s *Set) Scan(src any) error {
	if src == nil {
		*s = nil
		return nil
	}
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("scan days: a %T is not a multirange", src)
	}
	var ranges []Range
	body := strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	for body != "" {
		one, rest, _ := strings.Cut(body, ")")
		first, last, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(one, ","), "["), ",")
		from, err := ParseDay(first)
		if err != nil {
			return fmt.Errorf("scan days %q: %w", text, err)
		}
		until, err := ParseDay(last)
		if err != nil {
			return fmt.Errorf("scan days %q: %w", text, err)
		}
		ranges = append(ranges, Range{First: from, Last: until - 1})
		body = rest
	}
	*s = NewSet(ranges...)
	return nil
}
