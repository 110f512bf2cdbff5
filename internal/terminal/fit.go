package terminal

import (
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// minColumn is the minimum width of a truncated column.
const minColumn = 16

// cutMark marks a truncated cell.
const cutMark = "..."

// widthOf returns the number of columns of a terminal, 0 for other writers.
func widthOf(w io.Writer) int {
	f, ok := fileOf(w)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		// Not a terminal, or one of unknown width.
		return 0
	}
	return width
}

// fileOf returns the file that a writer writes to, also through a Writer.
func fileOf(w io.Writer) (*os.File, bool) {
	if escaping, ok := w.(*Writer); ok {
		w = escaping.w
	}
	f, ok := w.(*os.File)
	return f, ok
}

// fit narrows the widest text columns until the table has at most the limit's width; 0 is no limit.
// It does not narrow the first column, which users copy into commands, or fixed ones, such as numbers
// and times, which truncation would change. A table that remains too wide is not narrowed at all: its
// lines wrap in any case, and are complete.
func fit(widths []int, fixed []bool, limit int) {
	if limit <= 0 {
		return
	}
	total, full := -columnGap, slices.Clone(widths)
	for _, width := range widths {
		total += width + columnGap
	}
	for total > limit {
		widest, next := -1, minColumn
		for i, width := range widths {
			switch {
			case i == 0 || fixed[i] || width <= minColumn:
			case widest < 0 || width > widths[widest]:
				if widest >= 0 {
					next = max(next, widths[widest])
				}
				widest = i
			default:
				next = max(next, width)
			}
		}
		if widest < 0 {
			copy(widths, full)
			return
		}
		// Narrow to the second widest, or a little below it if both are equal.
		target := max(minColumn, min(next, widths[widest]-1), widths[widest]-(total-limit))
		total -= widths[widest] - target
		widths[widest] = target
	}
}

// fixedText matches the cells of a column that is not narrowed: times, and cells without a value.
var fixedText = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?( [A-Z]+)?|-)?$`)

// cutTo truncates a text to the width of a column.
func cutTo(text string, width int) string { return runewidth.Truncate(text, width, cutMark) }
