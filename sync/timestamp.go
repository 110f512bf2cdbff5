package sync

import (
	"errors"
	"time"
)

// TimestampLayout is the form of timestamps in UTC, as the original importer writes them.
const TimestampLayout = "2006-01-02T15:04:05"

// ParseTimestamp parses a time in the form of TimestampLayout or time.DateTime, both in UTC, or of RFC 3339 with a
// zone. The result is in UTC and in whole seconds, as timestamps are stored: fractions are cut.
func ParseTimestamp(text string) (time.Time, error) {
	for _, layout := range []string{TimestampLayout, time.RFC3339, time.DateTime} {
		// The zero time means that there is none.
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1 {
			return t.UTC().Truncate(time.Second), nil
		}
	}
	return time.Time{}, errors.New(
		"want a UTC time such as 2019-10-18T22:20:23, a time with a zone, or null for a full load")
}
