package terminal

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Writer escapes control characters in output: rows, names and messages of other systems may
// contain some, which a terminal would execute. It passes line ends, tabs and the colours of this
// package. It is safe for concurrent use.
type Writer struct {
	w       io.Writer
	colours bool
	mu      sync.Mutex
	// rest is the beginning of an incomplete character.
	rest []byte
}

// NewWriter returns a writer that escapes control characters and writes to w. It returns w itself
// if that is already a Writer.
func NewWriter(w io.Writer) *Writer {
	if already, ok := w.(*Writer); ok {
		return already
	}
	return &Writer{w: w, colours: IsTerminal(w) && os.Getenv("NO_COLOR") == ""}
}

// Write writes text with control characters escaped as \u001b.
func (e *Writer) Write(text []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := slices.Concat(e.rest, text)
	e.rest = nil
	if cut := unfinished(all); cut < len(all) {
		all, e.rest = all[:cut], append([]byte(nil), all[cut:]...)
	}
	if _, err := io.WriteString(e.w, escape(all, e.colours)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Flush writes the rest of an incomplete character.
func (e *Writer) Flush() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	rest := e.rest
	e.rest = nil
	_, err := io.WriteString(e.w, escape(rest, e.colours))
	return err
}

// Unwrap returns the writer behind this one.
func (e *Writer) Unwrap() io.Writer { return e.w }

// unfinished returns the start of an incomplete character at the end of the text, or the text's
// length.
func unfinished(text []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		at := len(text) - back
		if utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				return at
			}
			break
		}
	}
	return len(text)
}

// firstColour is the first of the characters that represent colour codes between Paint and Writer.
// Unicode reserves them for internal use. In data they only change colours.
const firstColour = '\uFDD0'

// colourCodes are the terminal codes that a Writer passes, in the order of their characters.
var colourCodes = []Colour{"0", Red, Green, Yellow, Cyan, Faint, Bold}

func escape(text []byte, colours bool) string {
	var out strings.Builder
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		code := int(r - firstColour)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[at])
		case r == '\n' || r == '\t':
			out.WriteRune(r)
		case code >= 0 && code < len(colourCodes):
			if colours {
				out.WriteString("\x1b[" + string(colourCodes[code]) + "m")
			}
		case Control(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.Write(text[at : at+size])
		}
		at += size
	}
	return out.String()
}

// Text returns a text as escaped by a Writer to a file.
func Text(text []byte) string { return escape(text, false) }

// Control reports whether a character is a control character: C0, DEL, C1, separators of lines and
// paragraphs, controls of bidirectional text.
func Control(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// Line returns a text on one line: control characters, including line ends and tabs, are escaped.
func Line(text string) string {
	if !strings.ContainsFunc(text, Control) && utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[at])
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case Control(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteString(text[at : at+size])
		}
		at += size
	}
	return out.String()
}

// Block returns a text of several lines for the second column: all lines but the first are indented
// by the width of the name, so that none looks like a name.
func Block(text string, width int) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+strings.Repeat(" ", width))
}
