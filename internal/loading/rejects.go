package loading

import (
	"fmt"

	"github.com/sluicehq/sluice/importers"
)

// RejectLimit is how many bad rows a part may have: as many as the more generous
// of the two figures allows. It is checked after every chunk, so that a file of
// the wrong kind fails early.
type RejectLimit struct {
	// Count is the number of rows.
	Count int64
	// Share is the share of the rows read so far, from 0 to 1.
	Share float64
}

// check fails if there are too many rejects. seen are those of this attempt, or some of
// them; the first serves as an example.
func (l RejectLimit) check(label string, p Progress, seen []importers.Reject) error {
	if p.RowsRejected <= l.Count || float64(p.RowsRejected) <= l.Share*float64(p.RowsRead) {
		return nil
	}
	example := ""
	if len(seen) > 0 {
		example = fmt.Sprintf("; for instance line %d, %s: %s", seen[0].Line, seen[0].Column, seen[0].Reason)
		if seen[0].Column == "" {
			example = fmt.Sprintf("; for instance line %d: %s", seen[0].Line, seen[0].Reason)
		}
	}
	return importers.Permanent(importers.ClassRejects, fmt.Errorf(
		"%s: %d of the first %d rows cannot be loaded, more than the limit of %d rows or %g %%%s",
		label, p.RowsRejected, p.RowsRead, l.Count, 100*l.Share, example))
}
