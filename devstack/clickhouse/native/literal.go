package native

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// escapes are the characters that stand for others behind a backslash; any
// that is missing here stands for itself.
var escapes = map[byte]byte{
	'a': '\a', 'b': '\b', 'e': '\x1b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '0': 0,
}

// unquoteLiteral returns the text of a literal 'text', the notation in which
// clients send the values of parameters and of custom settings. A value that
// does not start with a quote is returned as it is.
func unquoteLiteral(literal string) (string, error) {
	if !strings.HasPrefix(literal, "'") {
		return literal, nil
	}
	var text strings.Builder
	for i := 1; i < len(literal); i++ {
		switch c := literal[i]; {
		case c == '\'' && i == len(literal)-1:
			return text.String(), nil
		case c == '\'' && literal[i+1] == '\'':
			text.WriteByte(c)
			i++
		case c == '\'':
			return "", fmt.Errorf("%w: text behind the closing quote of a literal", ErrMalformed)
		case c == '\\' && i+1 < len(literal):
			i++
			n, err := unescape(&text, literal[i:])
			if err != nil {
				return "", err
			}
			i += n
		default:
			text.WriteByte(c)
		}
	}
	return "", fmt.Errorf("%w: literal without a closing quote", ErrMalformed)
}

// unescape writes what the escape sequence at the start of rest, behind its
// backslash, stands for. It returns how much longer than one byte it is.
func unescape(text *strings.Builder, rest string) (int, error) {
	if rest[0] != 'x' {
		c, ok := escapes[rest[0]]
		if !ok {
			c = rest[0]
		}
		text.WriteByte(c)
		return 0, nil
	}
	if len(rest) < 3 {
		return 0, fmt.Errorf("%w: unfinished escape sequence in a literal", ErrMalformed)
	}
	b, err := hex.DecodeString(rest[1:3])
	if err != nil {
		return 0, fmt.Errorf("%w: escape sequence %q in a literal", ErrMalformed, rest[:3])
	}
	text.WriteByte(b[0])
	return 2, nil
}
