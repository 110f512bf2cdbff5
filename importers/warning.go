package importers

import (
	"fmt"
	"strings"
)

// PartWarning is a warning that several parts may have in common, such as a note of the source
// about its figures.
type PartWarning struct {
	// Part is the part's label.
	Part string
	// Message is the common text, without details of the part.
	Message string
	// Rows is the number of affected rows of the part; 0 if it does not concern rows.
	Rows int64
	// Detail is an example, or empty.
	Detail string
}

// Text returns the line for the given numbers of parts and rows. It names the first part.
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

// String returns the line for this part only.
func (w PartWarning) String() string { return w.Text(w.Part, 1, w.Rows) }
