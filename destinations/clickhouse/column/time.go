package column

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the zones of columns, on machines that have none
)

// span is the range of a type, both in, in Unix seconds.
type span struct {
	low, high int64
	text      string
}

// The ranges of https://clickhouse.com/docs/sql-reference/data-types/date and its neighbours.
var (
	spanDate       = span{0, 65535 * day, "1970-01-01 to 2149-06-06"}
	spanDate32     = span{-25567 * day, 120529 * day, "1900-01-01 to 2299-12-31"}
	spanDateTime   = span{0, math.MaxUint32, "1970-01-01 00:00:00 to 2106-02-07 06:28:15 UTC"}
	spanDateTime64 = span{-25567 * day, 120530*day - 1, "1900-01-01 00:00:00 to 2299-12-31 23:59:59 UTC"}
	// With nanoseconds, 64 bits end earlier.
	spanNanoseconds = span{-25567 * day, math.MaxInt64/1_000_000_000 - 1, "1900-01-01 00:00:00 to 2262-04-11 23:47:15 UTC"}
)

const day = 24 * 60 * 60

func (s span) holds(seconds int64) bool { return seconds >= s.low && seconds <= s.high }

// checkTime checks dates and times.
func (t Type) checkTime(value []byte, zone *time.Location) error {
	switch t.name {
	case "Date":
		return checkDate(value, spanDate)
	case "Date32":
		return checkDate(value, spanDate32)
	case "Time":
		return checkTimeOfDay(value, 0)
	case "Time64":
		return checkTimeOfDay(value, t.numbers[0])
	}
	if t.zone != "" {
		if own, err := time.LoadLocation(t.zone); err == nil {
			zone = own
		}
	}
	if t.name == "DateTime64" {
		s := spanDateTime64
		if t.numbers[0] >= 9 {
			s = spanNanoseconds
		}
		return checkMoment(value, s, t.numbers[0], zone)
	}
	return checkMoment(value, spanDateTime, 0, zone)
}

// checkDate wants a date, or a number of days since 1970.
func checkDate(value []byte, s span) error {
	wrong := fmt.Errorf("want a date such as 2026-02-01, from %s", s.text)
	if isNumber(value) {
		days, err := strconv.ParseInt(string(value), 10, 32)
		if err != nil || !s.holds(days*day) {
			return wrong
		}
		return nil
	}
	literal, isText := text(value)
	if !isText {
		return wrong
	}
	for _, layout := range []string{"2006-1-2", "20060102"} {
		if parsed, err := time.Parse(layout, literal); err == nil && s.holds(parsed.Unix()) {
			return nil
		}
	}
	return wrong
}

// moment is a date, maybe with a time, a fraction and an offset.
var moment = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(\.\d{1,20})?)?` +
	`(?: ?(Z|UTC|[+-]\d{2}(?::?\d{2})?))?$`)

// checkMoment wants a time, or a number in units of the type: seconds, or the fractions of
// the column's precision.
func checkMoment(value []byte, s span, precision int, zone *time.Location) error {
	if isNumber(value) {
		return checkTicks(value, s, precision)
	}
	wrong := errors.New("want a time such as 2026-02-01T12:00:00Z, or a whole number of Unix seconds")
	literal, isText := text(value)
	if !isText {
		return wrong
	}
	if len(literal) == 10 && wholeNumber.MatchString(literal) && literal[0] != '-' && literal[0] != '+' {
		return checkTicks([]byte(literal), s, 0)
	}
	parts := moment.FindStringSubmatch(literal)
	if parts == nil {
		return wrong
	}
	if fraction := strings.TrimRight(strings.TrimPrefix(parts[4], "."), "0"); len(fraction) > precision {
		return fmt.Errorf("want a time with at most %d digits of a fraction of a second", precision)
	}
	seconds, err := unixSeconds(parts, zone)
	if err != nil {
		return err
	}
	if !s.holds(seconds) {
		return fmt.Errorf("want a time from %s", s.text)
	}
	return nil
}

// unixSeconds returns the moment that the parts of a text stand for.
func unixSeconds(parts []string, zone *time.Location) (int64, error) {
	clock := "00:00:00"
	if parts[2] != "" {
		clock = parts[2] + parts[3]
		if parts[3] == "" {
			clock += ":00"
		}
	}
	wall, err := time.Parse(time.DateTime, parts[1]+" "+clock)
	if err != nil {
		return 0, errors.New("want a date and a time that exist")
	}
	offset := strings.ReplaceAll(parts[5], ":", "")
	switch {
	case offset == "Z" || offset == "UTC":
		return wall.Unix(), nil
	case offset != "":
		return wall.Unix() - offsetSeconds(offset), nil
	case zone == nil:
		return wall.Unix(), nil
	}
	local := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	if local.Hour() != wall.Hour() || local.Minute() != wall.Minute() {
		return 0, fmt.Errorf("want a time that exists in the time zone %s, or one with an offset", zone)
	}
	return local.Unix(), nil
}

// offsetSeconds reads +hh and +hhmm.
func offsetSeconds(offset string) int64 {
	n, err := strconv.ParseInt(offset[1:], 10, 32)
	if err != nil {
		return 0
	}
	if len(offset) == len("+hh") {
		n *= 100
	}
	seconds := (n/100*60 + n%100) * 60
	if offset[0] == '-' {
		return -seconds
	}
	return seconds
}

// checkTicks wants a whole number within the range.
func checkTicks(literal []byte, s span, precision int) error {
	wrong := fmt.Errorf("want a whole number of 1/10^%d seconds since 1970, from %s", precision, s.text)
	if len(literal) > maxDigits || !wholeNumber.Match(literal) {
		return wrong
	}
	ticks, ok := new(big.Int).SetString(string(literal), 10)
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(min(precision, 9))), nil)
	if !ok {
		return wrong
	}
	seconds := new(big.Int).Div(ticks, unit)
	if !seconds.IsInt64() || !s.holds(seconds.Int64()) {
		return wrong
	}
	return nil
}

var timeOfDay = regexp.MustCompile(`^-?\d{1,3}:[0-5]\d:[0-5]\d(\.\d{1,20})?$`)

// checkTimeOfDay wants a time without a date, as the type Time has it.
func checkTimeOfDay(value []byte, precision int) error {
	literal, isText := text(value)
	if !isText || !timeOfDay.MatchString(literal) {
		return errors.New("want a time such as 12:00:00, up to 999:59:59")
	}
	_, fraction, _ := strings.Cut(literal, ".")
	if len(strings.TrimRight(fraction, "0")) > precision {
		return fmt.Errorf("want a time with at most %d digits of a fraction of a second", precision)
	}
	return nil
}
