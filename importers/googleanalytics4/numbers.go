package googleanalytics4

import (
	"math"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/calendar"
)

// maxSafeDigits is how many digits fit a uint64 any way.
const maxSafeDigits = 19

// parseCount reads a metric's value: a whole number, or a decimal one, which is rounded.
// ok is false for everything else, and for what is negative or does not fit.
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
	// ParseFloat takes more than Google writes: "inf", "0x1p4", "1_000".
	if strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || math.Signbit(f) || math.IsNaN(f) || f >= 1<<63 {
		return 0, false
	}
	return uint64(math.Round(f)), true
}

// parse reads a value of the metric.
func (m *metric) parse(s string) (n uint64, ok bool) {
	if below, negative := strings.CutPrefix(s, "-"); negative && m.floored {
		_, ok := parseCount(below)
		return 0, ok
	}
	return parseCount(s)
}

// parseDate reads a day written as YYYYMMDD.
func parseDate(s string) (calendar.Day, bool) {
	if len(s) != 8 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	day, err := calendar.ParseDay(s[:4] + "-" + s[4:6] + "-" + s[6:])
	return day, err == nil
}
