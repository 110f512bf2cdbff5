package googleanalytics4

import (
	"errors"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/importers"
)

// maxSums is the maximum number of a report's metrics with a total.
const maxSums = 2

// position is a place between two rows of a report, with the counts before it, so that a report
// that is read in several attempts is checked as a whole.
type position struct {
	// offset is the number of earlier rows.
	offset int64
	// rowCount is the number of rows of the report, unknownRows before the first response.
	rowCount int64
	// sums are those of the metrics with a total, in the order of the report.
	sums [maxSums]uint64
	// folded, undated and unmapped count the rows that the warnings report.
	folded, undated, unmapped int64
	// changed is 1 if a later page reported another number of rows.
	changed int64
	// truncated is 1 if Google has reported the report as incomplete.
	truncated int64
}

const unknownRows = -1

// cursorVersion changes with the meaning of the numbers.
const cursorVersion = "3"

// cursor formats the position: the version and the numbers, separated by colons.
func (p position) cursor() importers.Cursor {
	figures := []string{cursorVersion}
	for _, n := range []int64{p.offset, p.rowCount, p.folded, p.undated, p.unmapped, p.changed, p.truncated} {
		figures = append(figures, strconv.FormatInt(n, 10))
	}
	for _, n := range p.sums {
		figures = append(figures, strconv.FormatUint(n, 10))
	}
	return importers.Cursor(strings.Join(figures, ":"))
}

var errCursor = importers.Permanent(importers.ClassInternal,
	errors.New("invalid cursor of a Google Analytics 4 import"))

// parseCursor parses the result of cursor. The empty cursor is the beginning.
func parseCursor(c importers.Cursor) (position, error) {
	p := position{rowCount: unknownRows}
	if c == "" {
		return p, nil
	}
	figures := strings.Split(string(c), ":")
	counts := []*int64{&p.offset, &p.rowCount, &p.folded, &p.undated, &p.unmapped, &p.changed, &p.truncated}
	if len(figures) != 1+len(counts)+len(p.sums) || figures[0] != cursorVersion {
		return position{}, errCursor
	}
	var faults []error
	for i, into := range counts {
		n, err := strconv.ParseInt(figures[1+i], 10, 64)
		faults = append(faults, err)
		*into = n
	}
	for i := range p.sums {
		n, err := strconv.ParseUint(figures[1+len(counts)+i], 10, 64)
		faults = append(faults, err)
		p.sums[i] = n
	}
	if errors.Join(faults...) != nil || p.offset < 0 || p.rowCount < p.offset || p.cursor() != c {
		return position{}, errCursor
	}
	return p, nil
}
