package terminal

import (
	"io"
	"os"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// minColumn is the width below which no column is cut.
const minColumn = 16

// cutMark stands where a cell was cut.
const cutMark = "..."

// widthOf returns how many columns a terminal has, or 0 for what is none.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		// Not a terminal, or one that does not tell.
		return 0
	}
	return width
}

// fit makes the widest columns of text narrower until the table is as wide as the limit, 0
// for none. It leaves the first column, which people copy into the next command, and
// numbers: a number that is cut is another number. The table may stay too wide.
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
		// Down to the second widest, or a little below it if both are equal.
		target := max(minColumn, min(next, widths[widest]-1), widths[widest]-(total-limit))
		total -= widths[widest] - target
		widths[widest] = target
	}
}

// cutTo cuts a text that is wider than a column.
func cutTo(text string, width int) string { return runewidth.Truncate(text, width, cutMark) }
