package schema

// Reject is a row that cannot be loaded. It is stored beside the rows that can.
type Reject struct {
	// File names the file or report that the row stands in.
	File string
	// Line is the line on which the row starts, from 1; 0 if there are none.
	Line int64
	// Column names the column at fault; empty if the row as a whole is.
	Column string
	// Reason says what is wrong and what would be right.
	Reason string
	// Sample is the offending text, made valid UTF-8 and cut short.
	Sample string
}
