package loading

import (
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// RejectLimit limits the rejected rows of a part. Count and Share are checked after every chunk, so
// that a file of the wrong kind fails early; the larger of both limits applies. Ceiling is checked
// at the end of the part.
type RejectLimit struct {
	// Count is the number of rows.
	Count int64
	// Share is the share of the rows read so far, from 0 to 1.
	Share float64
	// Ceiling is the maximum share of rejected rows of the whole part, whatever Count and Share
	// allow. Defaults to 0, no ceiling.
	Ceiling float64
}

// examples are rows that could not be loaded, for messages.
type examples struct {
	// rejects holds the first reject, if there is one.
	rejects []importers.Reject
	// stray is the day of the first row out of range; nil without one.
	stray *calendar.Day
}

// add records the first rows of a chunk that cannot be loaded.
func (e *examples) add(c *importers.Chunk) {
	if len(e.rejects) == 0 && len(c.Rejects) > 0 {
		e.rejects = slices.Clone(c.Rejects[:1])
	}
	if e.stray == nil && c.OutOfRange > 0 {
		e.stray = new(c.OutOfRangeDay)
	}
}

// reject words the first reject.
func (e examples) reject() string {
	switch {
	case len(e.rejects) == 0:
		return ""
	case e.rejects[0].Column == "":
		return fmt.Sprintf("; for instance line %d: %s", e.rejects[0].Line, e.rejects[0].Reason)
	default:
		return fmt.Sprintf("; for instance line %d, %s: %s", e.rejects[0].Line, e.rejects[0].Column, e.rejects[0].Reason)
	}
}

// check returns an error if there are too many rejects.
func (l RejectLimit) check(label string, p Progress, seen examples) error {
	if p.RowsRejected <= l.Count || float64(p.RowsRejected) <= l.Share*float64(p.RowsRead) {
		return nil
	}
	return importers.Permanent(importers.ClassRejects, fmt.Errorf(
		"%s: %d of the first %d rows are rejected, more than the limit of %d rows or %g %%%s",
		label, p.RowsRejected, p.RowsRead, l.Count, 100*l.Share, seen.reject()))
}

// checkEnd returns an error if no row of a complete part was loaded although it has rows, or if the
// share of rejected rows is too large. Rows that were left out because their days are taken or late
// are not an error.
func (l RejectLimit) checkEnd(label string, days calendar.Set, p Progress, seen examples) error {
	switch {
	case p.RowsRead == 0:
		return nil
	case p.RowsRejected == p.RowsRead:
		return importers.Permanent(importers.ClassRejects, fmt.Errorf(
			"%s: no row of %d can be loaded: all are rejected%s", label, p.RowsRead, seen.reject()))
	case p.RowsRejected+p.RowsOutOfRange == p.RowsRead:
		rejected := ""
		if p.RowsRejected > 0 {
			rejected = fmt.Sprintf("; the others are rejected%s", seen.reject())
		}
		return importers.Permanent(importers.ClassInput, fmt.Errorf(
			"%s: no row of %d can be loaded: %s%s", label, p.RowsRead, outside(p, days, seen), rejected))
	case l.Ceiling > 0 && float64(p.RowsRejected) > l.Ceiling*float64(p.RowsRead):
		return importers.Permanent(importers.ClassRejects, fmt.Errorf(
			"%s: %d of %d rows are rejected, more than %g %%, the limit of a part (import.max_reject_ceiling)%s",
			label, p.RowsRejected, p.RowsRead, 100*l.Ceiling, seen.reject()))
	default:
		return nil
	}
}

// warnings returns the warnings about a part that is done.
func warnings(label string, days calendar.Set, p Progress, seen examples) []string {
	var all []string
	if p.RowsRead == 0 && len(p.Claims) == 0 {
		all = append(all, label+": no rows to load; the part claims no day")
	}
	if p.RowsOutOfRange > 0 {
		all = append(all, fmt.Sprintf("%s: %s; not loaded", label, outside(p, days, seen)))
	}
	return all
}

// outside describes the rows dated outside the days of their part.
func outside(p Progress, days calendar.Set, seen examples) string {
	example := ""
	if seen.stray != nil {
		example = fmt.Sprintf(", for instance %s", *seen.stray)
	}
	return fmt.Sprintf("%s dated outside %s, the days in the file's name or in the report's request%s",
		rows(p.RowsOutOfRange), days, example)
}

// rows counts rows at the beginning of a sentence.
func rows(n int64) string {
	if n == 1 {
		return "1 row is"
	}
	return fmt.Sprintf("%d rows are", n)
}
