package pages

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/server/api"
)

// typedMinutes returns the seconds of a number of minutes, 0 for an empty field.
func typedMinutes(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	minutes, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, errors.New("want a whole number of minutes")
	}
	return minutes * 60, nil
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
	var problem *api.Problem
	if errors.As(err, &problem) && problem.Status != http.StatusUnauthorized {
		*into = problem
		return nil
	}
	return err
}
