package csv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"unicode/utf8"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// parseUint parses a counter of decimal digits. An empty value is 0. ok is false for any other text
// and on overflow.
func parseUint(v []byte) (n uint64, ok bool) {
	if len(v) > maxSafeDigits {
		return parseLongUint(v)
	}
	for _, c := range v {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	return n, true
}

// maxSafeDigits is the number of digits that cannot overflow.
const maxSafeDigits = 19

func parseLongUint(v []byte) (n uint64, ok bool) {
	for _, c := range v {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// isText reports whether a value is UTF-8 without NUL bytes. Most values are ASCII, which it checks
// eight bytes at a time.
func isText(v []byte) bool {
	rest := v
	for len(rest) >= 8 {
		w := binary.LittleEndian.Uint64(rest)
		// The top bit of a byte is set in w if the byte is not ASCII, and in the difference if it
		// is NUL.
		if (w|(w-lowBits))&highBits != 0 {
			return isWideText(v)
		}
		rest = rest[8:]
	}
	for _, c := range rest {
		if c-1 >= utf8.RuneSelf-1 {
			return isWideText(v)
		}
	}
	return true
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

func isWideText(v []byte) bool {
	return utf8.Valid(v) && bytes.IndexByte(v, 0) < 0
}

// dateCache parses dates. Exports are almost sorted by date: caching the last date saves most of
// the work.
type dateCache struct {
	window calendar.Set
	text   [10]byte
	day    uint16
	inside bool
}

// newDateCache starts with a valid date, so that no other text of ten bytes equals the cached one.
func newDateCache(window calendar.Set) dateCache {
	d := dateCache{window: window, day: uint16(calendar.MinDay), inside: window.Contains(calendar.MinDay)}
	copy(d.text[:], calendar.MinDay.String())
	return d
}

// set parses a date written as YYYY-MM-DD and reports whether it can be stored. day and inside hold
// the result.
func (d *dateCache) set(v []byte) bool {
	if bytes.Equal(v, d.text[:]) {
		return true
	}
	if len(v) != len(d.text) {
		return false
	}
	day, err := calendar.ParseDay(string(v))
	if err != nil {
		return false
	}
	copy(d.text[:], v)
	d.day, d.inside = uint16(day), d.window.Contains(day)
	return true
}

// whyNotDate explains why a value is not a date that can be stored.
func whyNotDate(v []byte) string {
	const want = "want a day written as YYYY-MM-DD"
	switch {
	case len(v) == 0:
		return "the date is empty: " + want
	case looksLikeDate(v) && (string(v) < calendar.MinDay.String() || string(v) > calendar.MaxDay.String()):
		return fmt.Sprintf("date out of range: want %s to %s", calendar.MinDay, calendar.MaxDay)
	case looksLikeDate(v):
		return "non-existent day: want a day of the calendar, written as YYYY-MM-DD"
	case looksLikeDate(bytes.TrimSpace(v)):
		return "date with blanks around it: " + want + " and nothing else"
	case len(v) <= maxOtherDate && v[0] >= '0' && v[0] <= '9' && bytes.ContainsAny(v, "/.-"):
		return "not a date: " + want + "; spreadsheets change dates when they save a file: import the unmodified export"
	default:
		return "not a date: " + want
	}
}

// maxOtherDate is the length limit of a day or time in another notation.
const maxOtherDate = 30

func looksLikeDate(v []byte) bool {
	if len(v) != len("YYYY-MM-DD") {
		return false
	}
	for i, c := range v {
		if i == 4 || i == 7 {
			if c != '-' {
				return false
			}
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// whyNotUint explains why a value is not a counter of the kind.
func whyNotUint(v []byte, kind schema.Kind) string {
	limit := uint64(math.MaxUint64)
	if kind == schema.KindUint32 {
		limit = math.MaxUint32
	}
	trimmed := bytes.TrimLeft(v, "+-")
	whole, fraction, isDecimal := bytes.Cut(trimmed, []byte("."))
	switch {
	case allDigits(v):
		return fmt.Sprintf("number too large: want at most %d", limit)
	case isDecimal && allDigits(fraction) && (len(whole) == 0 || allDigits(whole)):
		return "decimal number: want a whole number without a point, such as 12"
	case v[0] == '-' && allDigits(trimmed):
		return "negative number: want 0 or more"
	case v[0] == '+' && allDigits(trimmed):
		return "number with a sign: want digits only"
	case allDigits(bytes.TrimSpace(v)):
		return "number with blanks around it: want digits only"
	case scientific.Match(v):
		return "number in scientific notation, as spreadsheets write large ones: want digits only"
	case separated.Match(v):
		return "number with a decimal comma or thousands separators: want digits only, such as 1234"
	default:
		return "not a whole number: want digits only, or nothing for 0"
	}
}

var (
	scientific = regexp.MustCompile(`^\d+([.,]\d+)?[eE][+-]?\d+$`)
	separated  = regexp.MustCompile(`^\d+([,.'’\x{a0}\x{202f} ]\d+)+$`)
)

func allDigits(v []byte) bool {
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(v) > 0
}

// whyNotText explains why a value is not text that can be stored.
func whyNotText(v []byte) string {
	if !utf8.Valid(v) {
		return "not UTF-8: save the file in the UTF-8 encoding"
	}
	return "text with a NUL byte: remove the byte"
}
