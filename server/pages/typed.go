package pages

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/server/api"
)

// typedMinutes returns the seconds of a number of minutes, or of a duration such as 90s; 0 for an empty field.
func typedMinutes(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	if minutes, err := strconv.ParseInt(text, 10, 32); err == nil {
		return minutes * 60, nil
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration%time.Second != 0 {
		return 0, errors.New("want a whole number of minutes, or a duration such as 90s")
	}
	return int64(duration / time.Second), nil
}

// minutesText returns seconds as typedMinutes reads them, "" for 0.
func minutesText(seconds float64) string {
	whole := int64(seconds)
	switch {
	case whole == 0:
		return ""
	case whole%60 == 0:
		return strconv.FormatInt(whole/60, 10)
	default:
		return (time.Duration(whole) * time.Second).String()
	}
}

// typedLines returns the lines of a text that are not blank, without the blanks around them.
func typedLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// typedTime returns the time of a field for a local time, which has the form 2006-01-02T15:04.
func typedTime(text string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("want a time such as 2026-01-31T03:00")
}

// asProblem puts a problem of the API where its page shows it, beside what the page shows anyway. It returns other
// errors, and those that need a new session.
func asProblem(err error, into **api.Problem) error {
	if problem, ok := errors.AsType[*api.Problem](err); ok && problem.Status != http.StatusUnauthorized {
		*into = problem
		return nil
	}
	return err
}
