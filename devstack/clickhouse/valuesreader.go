package clickhouse

import (
	"io"
	"strings"
	"unicode/utf8"
)

// valuesReader passes on the data of an INSERT in the format Values, in which values may be
// expressions that the engine evaluates. It refuses the function file among them, and what could
// hide it: comments, quoted names and heredocs outside of texts.
type valuesReader struct {
	source io.Reader
	err    error
	inText bool
	// escaped: the last byte in a text was a backslash.
	escaped bool
	// word is the end of the bare word before the position, blanks behind it left out.
	word string
	// blank: there were blanks behind the word.
	blank bool
	last  byte
}

// maxWord is how much of a word is kept: enough to tell "file" from longer ones.
const maxWord = len("file") + 1

// Read reads data that hold no call of file.
func (r *valuesReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.source.Read(p)
	for _, c := range p[:n] {
		if r.err = r.step(c); r.err != nil {
			return 0, r.err
		}
	}
	return n, err
}

func (r *valuesReader) step(c byte) error {
	last := r.last
	r.last = c
	switch {
	case r.inText:
		// A doubled quote ends the text and begins the next one.
		r.inText = r.escaped || c != '\''
		r.escaped = !r.escaped && c == '\\'
		return nil
	case c == '\'':
		r.inText, r.escaped, r.word = true, false, ""
	case c == '"' || c == '`' || c == '$' || c == '#' || last == '-' && c == '-' || last == '/' && c == '*':
		return newException(codeSyntaxError,
			"Cannot parse VALUES: %q outside of a text is not allowed here: use INSERT ... SELECT", string(c))
	case c == '(' && strings.EqualFold(r.word, "file"):
		return errDenied("file()")
	case c >= utf8.RuneSelf:
		// The engine takes some of them for blanks.
		r.blank = true
	case isWord(c):
		if r.blank {
			r.word = ""
		}
		if len(r.word) < maxWord {
			r.word += string(rune(c))
		}
		r.blank = false
	case strings.IndexByte(" \t\r\n\f\v\x00", c) >= 0:
		r.blank = true
	default:
		r.word, r.blank = "", false
	}
	return nil
}
