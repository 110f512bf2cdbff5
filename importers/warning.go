package importers

import (
	"fmt"
	"strings"
)

// PartWarning is a warning about a part that other parts may give in the same words, such
// as a reservation of the source about its figures.
type PartWarning struct {
	// Part is the part's label.
	Part string
	// Message is what the parts have in common: it holds nothing of the part's own.
	Message string
	// Rows is how many rows of the part it is about; 0 if it is not about rows.
	Rows int64
	// Detail is an example; it may be empty.
	Detail string
}

// Text returns the line about so many parts, of which the first is named, and so many rows
// in all.
func (w PartWarning) Text(first string, parts int, rows int64) string {
	var b strings.Builder
	b.WriteString(first)
	switch {
	case parts == 2:
		b.WriteString(" and 1 more part")
	case parts > 2:
		fmt.Fprintf(&b, " and %d more parts", parts-1)
	}
	b.WriteString(": " + w.Message)
	switch {
	case rows == 1:
		b.WriteString(": 1 row")
	case rows > 1:
		fmt.Fprintf(&b, ": %d rows", rows)
	}
	if w.Detail != "" {
		b.WriteString(", for instance " + w.Detail)
	}
	return b.String()
}

// String returns the line about the part alone.
func (w PartWarning) String() string { return w.Text(w.Part, 1, w.Rows) }
