package csv

import (
	"bytes"
	"strings"
)

// wayToCommas is the remedy for a file with another delimiter.
const wayToCommas = "save it as comma-separated values, or import the unmodified export"

// separatorLine parses a first line such as "sep=;", which declares the delimiter to spreadsheets.
func separatorLine(line []byte) (delimiter string, yes bool) {
	text := strings.Trim(strings.TrimRight(string(line[:min(len(line), maxSuggest)]), "\r\n"), `"`)
	const key = "sep="
	if len(text) <= len(key) || !strings.EqualFold(text[:len(key)], key) {
		return "", false
	}
	rest := text[len(key):]
	// Spreadsheets that save the file again add a delimiter per column.
	if strings.Trim(rest, rest[:1]) != "" {
		return "", false
	}
	return rest[:1], true
}

// otherDelimiter returns the delimiter of a header that has no comma outside quotes, "" if it is
// unknown.
func otherDelimiter(line []byte) string {
	var outside []byte
	for i, part := range bytes.Split(line, []byte{'"'}) {
		if i%2 == 0 {
			outside = append(outside, part...)
		}
	}
	if bytes.IndexByte(outside, ',') >= 0 {
		return ""
	}
	best, most := "", 0
	for _, d := range []string{";", "\t", "|"} {
		if n := bytes.Count(outside, []byte(d)); n > most {
			best, most = d, n
		}
	}
	return best
}

// delimiterName returns the name of a delimiter.
func delimiterName(d string) string {
	switch d {
	case ";":
		return "semicolons"
	case "\t":
		return "tabs"
	case "|":
		return "vertical bars"
	default:
		return "a delimiter other than commas"
	}
}
