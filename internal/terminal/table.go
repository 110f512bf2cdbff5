// Package terminal formats output for people: aligned tables, colours on terminals, readable
// numbers, and progress bars.
package terminal

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// IsTerminal reports whether the writer is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := fileOf(w)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Colour is the colour of a cell on a terminal.
type Colour string

// The colours. They are omitted without a terminal, or if NO_COLOR is set.
const (
	Plain  Colour = ""
	Red    Colour = "31"
	Green  Colour = "32"
	Yellow Colour = "33"
	Cyan   Colour = "36"
	Faint  Colour = "2"
	Bold   Colour = "1"
)

// Paint returns the text in a colour if the writer is a terminal. An empty text stays empty.
func Paint(w io.Writer, c Colour, text string) string {
	if c == Plain || text == "" {
		return text
	}
	if escaping, ok := w.(*Writer); ok {
		if code := slices.Index(colourCodes, c); escaping.colours && code > 0 {
			return string(rune(firstColour+code)) + text + string(firstColour)
		}
		return text
	}
	if !IsTerminal(w) || os.Getenv("NO_COLOR") != "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// Table is a table with aligned columns. Columns whose cells are all numbers are
// aligned right.
type Table struct {
	header []string
	rows   [][]cell
}

type cell struct {
	text   string
	colour Colour
	number bool
}

// NewTable returns a table with column headers.
func NewTable(header ...string) *Table { return &Table{header: header} }

// Ordinal is a number that identifies something, such as an ID or a line number: it is written
// without thousands separators.
type Ordinal int64

// Row adds a row. A cell is a string, a Coloured, an Ordinal, or a number, which is written with
// thousands separators. Missing cells are empty, surplus cells are ignored.
func (t *Table) Row(cells ...any) {
	row := make([]cell, len(t.header))
	for i, c := range cells[:min(len(cells), len(row))] {
		switch v := c.(type) {
		case Ordinal:
			row[i] = cell{text: strconv.FormatInt(int64(v), 10), number: true}
		case Coloured:
			row[i] = cell{text: Line(v.Text), colour: v.Colour}
		case int64:
			row[i] = cell{text: humanize.Comma(v), number: true}
		case int:
			row[i] = cell{text: humanize.Comma(int64(v)), number: true}
		case int32:
			row[i] = cell{text: humanize.Comma(int64(v)), number: true}
		default:
			row[i] = cell{text: Line(fmt.Sprint(v))}
		}
	}
	t.rows = append(t.rows, row)
}

// Coloured is a cell in a colour.
type Coloured struct {
	Text   string
	Colour Colour
}

// columnGap is the number of blanks between columns.
const columnGap = 2

// Write writes the table. On a terminal that is too narrow, text columns are truncated if the table
// fits then; other output is complete.
func (t *Table) Write(w io.Writer) error {
	widths := make([]int, len(t.header))
	numbers, fixed := make([]bool, len(t.header)), make([]bool, len(t.header))
	for i, h := range t.header {
		widths[i], numbers[i], fixed[i] = runewidth.StringWidth(h), len(t.rows) > 0, true
		for _, row := range t.rows {
			widths[i] = max(widths[i], runewidth.StringWidth(row[i].text))
			numbers[i] = numbers[i] && row[i].number
			fixed[i] = fixed[i] && (row[i].number || fixedText.MatchString(row[i].text))
		}
	}
	fit(widths, fixed, widthOf(w))
	var out strings.Builder
	line := func(cells []cell) {
		// Blanks are written only before further text: lines have no trailing blanks.
		blanks := 0
		for i, c := range cells {
			c.text = cutTo(c.text, widths[i])
			before, after := 0, widths[i]-runewidth.StringWidth(c.text)
			if numbers[i] {
				before, after = after, 0
			}
			blanks += before
			if c.text != "" {
				out.WriteString(strings.Repeat(" ", blanks) + Paint(w, c.colour, c.text))
				blanks = 0
			}
			blanks += after + columnGap
		}
		out.WriteByte('\n')
	}
	head := make([]cell, len(t.header))
	for i, h := range t.header {
		head[i] = cell{text: h, colour: Faint}
	}
	line(head)
	for _, row := range t.rows {
		line(row)
	}
	_, err := io.WriteString(w, out.String())
	return err
}
