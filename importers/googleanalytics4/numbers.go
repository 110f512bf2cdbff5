package googleanalytics4

import (
	"math"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/calendar"
)

// maxSafeDigits is the number of digits that cannot overflow a uint64.
const maxSafeDigits = 19

// parseCount parses a metric's value: a whole number, or a decimal one, which is rounded. ok is
// false for any other text, for negative numbers and on overflow.
func parseCount(s string) (n uint64, ok bool) {
	if s == "" {
		return 0, false
	}
	if len(s) <= maxSafeDigits {
		for i := 0; ; i++ {
			if i == len(s) {
				return n, true
			}
			d := s[i] - '0'
			if d > 9 {
				break
			}
			n = n*10 + uint64(d)
		}
	}
	// ParseFloat accepts more than Google writes: "inf", "0x1p4", "1_000".
	if strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || math.Signbit(f) || math.IsNaN(f) || f >= 1<<63 {
		return 0, false
	}
	return uint64(math.Round(f)), true
}

// parse parses a value of the metric.
func (m *metric) parse(s string) (n uint64, ok bool) {
	if below, negative := strings.CutPrefix(s, "-"); negative && m.floored {
		_, ok := parseCount(below)
		return 0, ok
	}
	return parseCount(s)
}

// parseDate parses a day written as YYYYMMDD.
func parseDate(s string) (calendar.Day, bool) {
	if len(s) != 8 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	day, err := calendar.ParseDay(s[:4] + "-" + s[4:6] + "-" + s[6:])
	return day, err == nil
}
