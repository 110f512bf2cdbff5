package column

import (
	"errors"
	"strings"
)

// split cuts a text at a separator outside of brackets and quotes. Parts are trimmed; empty
// ones are left out where the separator is a space.
func split(text string, separator byte) (parts []string, err error) {
	depth, from := 0, 0
	var quote byte
	add := func(part string) {
		if part = strings.TrimSpace(part); part != "" || separator != ' ' {
			parts = append(parts, part)
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '`':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == separator && depth == 0:
			add(text[from:i])
			from = i + 1
		}
		if depth < 0 {
			break
		}
	}
	if depth != 0 || quote != 0 {
		return nil, errors.New("parse a column's type: a bracket or a quote is not closed")
	}
	add(text[from:])
	return parts, nil
}

// unquote takes the quotes off, if there are any.
func unquote(text string, quote byte) string {
	if len(text) < 2 || text[0] != quote || text[len(text)-1] != quote {
		return text
	}
	var plain strings.Builder
	for i := 1; i < len(text)-1; i++ {
		if (text[i] == '\\' || text[i] == quote) && i+1 < len(text)-1 {
			i++
			plain.WriteByte(unescape(text[i]))
			continue
		}
		plain.WriteByte(text[i])
	}
	return plain.String()
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	default:
		return c
	}
}
