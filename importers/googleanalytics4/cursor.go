package googleanalytics4

import (
	"errors"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/importers"
)

// maxSums is how many metrics of a report have a total to agree with, at most.
const maxSums = 2

// position is a place between two rows of a report, and what was counted before it, so
// that a report that is read in several goes is still checked as a whole.
type position struct {
	// offset is how many rows lie before it.
	offset int64
	// rowCount is how many rows the report has; unknownRows before the first answer.
	rowCount int64
	// sums are those of the metrics with a total, in the report's order.
	sums [maxSums]uint64
	// folded, undated and unmapped count the rows that notes tell of.
	folded, undated, unmapped int64
	// changed is 1 if the report had another number of rows on a later page.
	changed int64
	// truncated is 1 if Google has said that the report is incomplete.
	truncated int64
}

const unknownRows = -1

// cursorVersion changes when the meaning of the figures does.
const cursorVersion = "3"

// cursor writes the position: the version and the figures, separated by colons.
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
	errors.New("the cursor is not one of a Google Analytics 4 import"))

// parseCursor reads what cursor wrote. The empty cursor is the beginning.
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
