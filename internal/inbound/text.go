package inbound

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// Limits of texts, in bytes of JSON, as they are stored in histories and requests: in JSON a
// character such as < takes up six.
const (
	// MaxName bounds a person's name.
	MaxName = 200
	// MaxKey bounds an idempotency key.
	MaxKey = 200
	// MaxReason bounds a reason.
	MaxReason = 2000
)

// Clean returns a text without control characters and invalid UTF-8. Line ends and tabs
// become spaces; space around the text is cut off. Characters that reverse the direction of
// the text around them are left out, too.
func Clean(text string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(clean)
}

// Text cleans a text of a person, and refuses one of more bytes of JSON than limit. name is
// what the error calls it.
func Text(name, text string, limit int) (string, error) {
	clean := Clean(text)
	if size := EncodedSize(clean); size > limit {
		return "", fmt.Errorf("%s has %d bytes in JSON: want at most %d", name, size, limit)
	}
	return clean, nil
}

// EncodedSize returns how many bytes a text takes up in JSON, without its quotes.
func EncodedSize(text string) int {
	encoded, err := json.Marshal(text)
	if err != nil {
		// Texts can be encoded always; if not, the text is beyond any limit.
		return 1 << 30
	}
	return len(encoded) - len(`""`)
}

// Cut returns the beginning of a text that takes up at most limit bytes of JSON, with an
// ellipsis where it was cut.
func Cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if EncodedSize(text) <= limit {
		return text
	}
	const ellipsis = "..."
	size := len(ellipsis)
	for i, r := range text {
		if size += EncodedSize(string(r)); size > limit {
			return text[:i] + ellipsis
		}
	}
	return text
}
