package importers

import (
	"strings"
	"unicode/utf8"
)

// NewReject returns a reject whose reason and sample obey MaxReason and
// MaxSample: both are made valid UTF-8 and cut between two characters.
func NewReject(file string, line int64, column, reason string, sample []byte) Reject {
	return Reject{
		File:   file,
		Line:   line,
		Column: column,
		Reason: cut(reason, MaxReason),
		// One byte more than fits is enough to tell a character that is cut from
		// one that is broken.
		Sample: cut(string(sample[:min(len(sample), MaxSample+utf8.UTFMax)]), MaxSample),
	}
}

// cut makes text valid UTF-8 of at most limit bytes.
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
