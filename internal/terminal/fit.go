package terminal

import (
	"io"
	"os"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// minColumn is the minimum width of a truncated column.
const minColumn = 16

// cutMark marks a truncated cell.
const cutMark = "..."

// widthOf returns the number of columns of a terminal, 0 for other writers.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
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

// fit narrows the widest text columns until the table has at most the limit's width; 0 is no limit.
// It does not narrow the first column, which users copy into commands, or numbers, which truncation
// would change. The table may remain too wide.
func fit(widths []int, numbers []bool, limit int) {
	if limit <= 0 {
		return
	}
	total := -columnGap
	for _, width := range widths {
		total += width + columnGap
	}
	for total > limit {
		widest, next := -1, minColumn
		for i, width := range widths {
			switch {
			case i == 0 || numbers[i] || width <= minColumn:
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
			return
		}
		// Narrow to the second widest, or a little below it if both are equal.
		target := max(minColumn, min(next, widths[widest]-1), widths[widest]-(total-limit))
		total -= widths[widest] - target
		widths[widest] = target
	}
}

// cutTo truncates a text to the width of a column.
func cutTo(text string, width int) string { return runewidth.Truncate(text, width, cutMark) }
