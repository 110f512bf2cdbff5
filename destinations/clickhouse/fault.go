package clickhouse

import (
	"bytes"
	"fmt"
	"regexp"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

// fault is an answer that is an error.
type fault struct {
	// code is ClickHouse's, 0 if the answer is another server's.
	code       int
	status     int
	retryAfter time.Duration
	// namesRow says that the error names a value or a row of what was sent, column which
	// column, if it says so.
	namesRow bool
	column   string
	// reading says that the error is of reading what was sent: nothing was written yet.
	reading bool
	// unknownField says that the table lacks a column.
	unknownField bool
}

var (
	valueOf = regexp.MustCompile(`\(while reading the value of key ([^)\n]{1,128})\)`)
	atRow   = regexp.MustCompile(`\(at row \d+\)`)
)

// newFault reads an exception. Its text quotes rows, and is not kept.
func newFault(code int, text []byte) *fault {
	f := &fault{code: code, unknownField: code == 117 && bytes.Contains(text, []byte("Unknown field"))}
	if match := valueOf.FindSubmatch(text); match != nil {
		f.column = string(match[1])
	}
	f.reading = f.column != "" || atRow.Match(text)
	f.namesRow = !f.unknownField && (ofValue[code] || f.reading)
	return f
}

// Error says which error it was.
func (f *fault) Error() string {
	if f.code == 0 {
		return "the server answered " + outbound.Describe(f.status)
	}
	text := fmt.Sprintf("ClickHouse answered with error %d", f.code)
	if name := names[f.code]; name != "" {
		text += ", " + name
	}
	return text
}

// names are the errors that people meet.
var names = map[int]string{
	16: "no such column", 36: "bad arguments", 47: "unknown identifier",
	60: "unknown table", 81: "unknown database", 115: "unknown setting", 164: "read only",
	193: "wrong password", 194: "password required", 201: "quota exceeded", 202: "too many simultaneous queries",
	241: "memory limit exceeded", 242: "table is read only", 243: "not enough space", 252: "too many parts",
	497: "access denied", 516: "authentication failed", 6: "cannot parse text", 25: "cannot parse an escape sequence",
	26: "cannot parse a quoted string", 27: "cannot parse the input", 38: "cannot parse a date", 41: "cannot parse a time",
	53: "type mismatch", 69: "argument out of bound", 70: "cannot convert a type", 72: "cannot parse a number",
	117: "incorrect data", 130: "cannot parse an array", 131: "string too large", 190: "sizes of arrays do not match",
	319: "unknown status of the insert", 349: "cannot insert null", 376: "cannot parse a UUID", 407: "decimal overflow",
	441: "cannot parse a domain value", 467: "cannot parse a bool", 469: "a constraint is violated",
	452: "setting constraint violation", 632: "unexpected data after a value",
	675: "cannot parse an IPv4 address", 676: "cannot parse an IPv6 address",
	691: "unknown element of an enum", 745: "server overloaded", 999: "error of the Keeper",
}

// ofValue are errors that are always about a value of a row. Others are if they say so, such as
// a type mismatch, which a table's definition causes, too.
var ofValue = map[int]bool{
	6: true, 25: true, 26: true, 27: true, 38: true, 41: true, 72: true, 117: true, 130: true, 131: true, 190: true,
	349: true, 376: true, 407: true, 441: true, 467: true, 469: true, 632: true, 675: true, 676: true, 691: true,
}

// ofServer are errors about the state of the server or the table. No row causes them, even if
// it is refused alone (src/Common/ErrorCodes.cpp).
var ofServer = map[int]bool{
	3: true, 74: true, 75: true, 76: true, 159: true, 160: true, 173: true, 192: true, 193: true, 194: true,
	198: true, 201: true, 202: true, 203: true, 209: true, 210: true, 225: true, 236: true, 241: true, 242: true,
	243: true, 252: true, 279: true, 285: true, 286: true, 289: true, 319: true, 341: true, 394: true, 425: true,
	439: true, 473: true, 499: true, 516: true, 571: true, 668: true, 722: true, 745: true, 999: true, 1000: true,
	1001: true, 1002: true,
}

// ofOperator are errors that an operator fixes: missing objects, missing privileges, unsupported
// settings.
var ofOperator = map[int]bool{
	16: true, 44: true, 47: true, 48: true, 60: true, 81: true, 115: true, 164: true, 452: true, 497: true,
}

// class says what the error is evidence of. Errors that are neither the server's nor the
// operator's are about what was sent.
func (f *fault) class() destinations.ErrorClass {
	switch {
	case f.unknownField || ofOperator[f.code]:
		return destinations.ErrorClassOperator
	case f.code == 0:
		_, err := destinations.JudgeAnswer(f.status, f)
		return destinations.ClassOf(err)
	case ofServer[f.code]:
		return destinations.ErrorClassConnection
	default:
		return destinations.ErrorClassJob
	}
}
