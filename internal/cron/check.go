package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Check reports every fault of an expression that a Temporal schedule is to run by, before
// the server sees it. What is accepted is what Temporal reads the same way as everybody
// else: the five fields and their shorthands. One thing differs: where both a day of the
// month and a day of the week are given, a day must match both, so that "0 3 1-7 * mon" is
// the first Monday of a month.
//
// Intervals and time zones are refused: a schedule has settings of their own for them.
func Check(expression string) error {
	text := strings.TrimSpace(expression)
	switch {
	case text == "":
		return errors.New("is empty: want five fields, such as '0 3 * * *' for every day at 03:00")
	case len(text) > maxText:
		return fmt.Errorf("has %d bytes: want at most %d", len(text), maxText)
	case strings.HasPrefix(text, "@every"):
		return errors.New("uses @every: an interval is given by --every")
	case strings.HasPrefix(text, "@") && shorthands[text] == "":
		return fmt.Errorf("%q is not known: want %s", text, allShorthands)
	case strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="):
		return errors.New("names a time zone: that is given by --timezone")
	case strings.Contains(text, "#"):
		return errors.New("holds a #: comments are not for here")
	}
	// Which days there are does not hang on the zone.
	s := Schedule{zone: time.UTC}
	if err := s.parseFields(text); err != nil {
		return err
	}
	return s.hasDays(text)
}
