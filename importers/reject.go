package importers

import (
	"strings"
	"unicode/utf8"
)

// NewReject returns a reject with a reason of at most MaxReason and a sample of at most
// MaxSample bytes: both are converted to valid UTF-8 and truncated between two characters.
func NewReject(file string, line int64, column, reason string, sample []byte) Reject {
	return Reject{
		File:   file,
		Line:   line,
		Column: column,
		Reason: cut(reason, MaxReason),
		// One extra byte distinguishes a truncated character from an invalid one.
		Sample: cut(string(sample[:min(len(sample), MaxSample+utf8.UTFMax)]), MaxSample),
	}
}

// cut converts text to valid UTF-8 of at most limit bytes.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
