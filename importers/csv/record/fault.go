package record

import "fmt"

// Problem is a way in which a record can be malformed.
type Problem uint8

// The problems.
const (
	// BareQuote is a quote inside a field that does not start with one.
	BareQuote Problem = iota + 1
	// AfterQuote is text between a closing quote and the next comma.
	AfterQuote
	// OpenQuote is a quoted field without a closing quote before the end of the input or within
	// MaxBytes of the start of its record.
	OpenQuote
	// TooLong is a record of more than MaxBytes.
	TooLong
)

// MalformedError is a record that could not be split into fields. It is an error of that
// record only: the scanner continues with the line after the record's first.
type MalformedError struct {
	// Problem says what is wrong.
	Problem Problem
	// Field is the position of the invalid field, from 0.
	Field int
	// Column is the start of that field on the record's first line, in bytes from 1. It is
	// meaningless if an earlier field contains a line end.
	Column int
	// Cut reports whether the input ends within the record's first line: the rest of the record may
	// be missing.
	Cut bool
}

// Error describes the problem and the valid form.
func (f *MalformedError) Error() string {
	switch f.Problem {
	case BareQuote:
		return "quote inside an unquoted value: put the value in quotes and double the quotes within"
	case AfterQuote:
		return "text after the closing quote: double the quotes within a quoted value"
	case OpenQuote:
		return fmt.Sprintf("quote without a closing quote within %d bytes", MaxBytes)
	default:
		return fmt.Sprintf("row is longer than the limit of %d bytes", MaxBytes)
	}
}
