package inbound

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of texts, in bytes of JSON, the form in which histories and requests store them: a
// character such as < takes six bytes.
const (
	// MaxName bounds a person's name.
	MaxName = 200
	// MaxKey bounds an idempotency key.
	MaxKey = 200
	// MaxReason bounds a reason.
	MaxReason = 2000
)

// Clean returns a text without control characters and invalid UTF-8. Line ends and tabs become
// spaces, surrounding space is trimmed, and characters that change the direction of text are
// removed.
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
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
	return strings.TrimSpace(clean)
}

// Text cleans a text, and rejects one with more bytes of JSON than limit. name is its name in the
// error.
func Text(name, text string, limit int) (string, error) {
	clean := Clean(text)
	if size := EncodedSize(clean); size > limit {
		return "", fmt.Errorf("%s has %d bytes in JSON: want at most %d", name, size, limit)
	}
	return clean, nil
}

// EncodedSize returns the number of bytes of a text as encoding/json writes it, without quotes.
func EncodedSize(text string) int {
	size := 0
	for i, r := range text {
		size += encodedRune(text[i:], r)
	}
	return size
}

// encodedRune returns the number of bytes of JSON of a text's first character.
func encodedRune(text string, r rune) int {
	const escape, short = len(`\u0000`), len(`\n`)
	switch {
	case r == '"' || r == '\\' || r == '\b' || r == '\f' || r == '\n' || r == '\r' || r == '\t':
		return short
	case r < ' ' || r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029':
		return escape
	case r == utf8.RuneError && !strings.HasPrefix(text, string(utf8.RuneError)):
		// Invalid UTF-8.
		return escape
	default:
		return utf8.RuneLen(r)
	}
}

const ellipsis = "..."

// Cut truncates a text to at most limit bytes of JSON, and marks the cut with an ellipsis.
func Cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	size, end := 0, 0
	for i, r := range text {
		size += encodedRune(text[i:], r)
		if size > limit {
			return text[:end] + ellipsis
		}
		if size+len(ellipsis) <= limit {
			end = i + utf8.RuneLen(r)
		}
	}
	return text
}

// Prefix truncates data to at most limit bytes of whole characters, without a mark. Invalid UTF-8
// becomes U+FFFD.
func Prefix(text string, limit int) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// CutLines returns the first lines of a text that take up at most limit bytes of JSON, and a
// line that says how many more there are. It never cuts inside a line, unless the first one is
// too long alone. Lists of faults have one fault a line.
func CutLines(text string, limit int) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if EncodedSize(text) <= limit {
		return text
	}
	lines := strings.Split(text, "\n")
	// The last line is longest if all lines are omitted.
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
