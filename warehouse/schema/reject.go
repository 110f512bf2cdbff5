package schema

// Reject is a row that cannot be loaded. The warehouse stores it with its reason.
type Reject struct {
	// File names the file or report that contains the row.
	File string
	// Line is the line on which the row starts, from 1; 0 without lines.
	Line int64
	// Column names the faulty column; empty if the whole row is faulty.
	Column string
	// Reason describes the error and the valid values.
	Reason string
	// Sample is the faulty text, valid UTF-8 and truncated.
	Sample string
}
