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

// CutLines returns the first lines of a text that take up at most limit bytes of JSON, and a
// line that says how many more there are. It never cuts inside a line, unless the first one is
// too long alone. Lists of faults have one fault a line.
func CutLines(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if EncodedSize(text) <= limit {
		return text
	}
	lines := strings.Split(text, "\n")
	// The last line takes at most as much as for all lines.
	room := limit - EncodedSize(more(len(lines)))
	size, kept := 0, 0
	for kept < len(lines) && size+EncodedSize(lines[kept])+EncodedSize("\n") <= room {
		size += EncodedSize(lines[kept]) + EncodedSize("\n")
		kept++
	}
	switch {
	case len(lines) == 1:
		return Cut(text, limit)
	case kept == 0:
		return Cut(lines[0], room-EncodedSize("\n")) + "\n" + more(len(lines)-1)
	default:
		return strings.Join(append(lines[:kept:kept], more(len(lines)-kept)), "\n")
	}
}

func more(lines int) string { return fmt.Sprintf("and %d more", lines) }
