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

// Writer escapes control characters on their way to a terminal, a file or a program: rows,
// names and messages of other systems may hold some, and a terminal would obey them. It passes
// line ends, tabs and the colours of this package. It is safe for concurrent use.
type Writer struct {
	w       io.Writer
	colours bool
	mu      sync.Mutex
	// rest is the beginning of a character whose end is still to come.
	rest []byte
}

// NewWriter returns a writer that escapes what it passes on to w. It returns w itself if that is
// such a writer already.
func NewWriter(w io.Writer) *Writer {
	if already, ok := w.(*Writer); ok {
		return already
	}
	return &Writer{w: w, colours: IsTerminal(w) && os.Getenv("NO_COLOR") == ""}
}

// Write writes text with its control characters escaped as \u001b.
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

// Flush writes what is left of a character that has no end.
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

// unfinished returns where a character begins that the text cuts off, or the text's length.
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

// firstColour is the first of the characters that stand for the codes of colours between Paint
// and Writer. Unicode reserves them for such a use within a program; whoever smuggles one in
// colours a text.
const firstColour = '\uFDD0'

// colourCodes are the codes of terminals that a Writer passes, in the order of their characters.
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

// Text returns a text as a Writer would write it to a file.
func Text(text []byte) string { return escape(text, false) }

// Control says whether a character moves the cursor, ends a line, turns the direction of
// writing, or does something else that is no text: C0, DEL, C1, separators of lines and
// paragraphs, controls of bidirectional text.
func Control(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// Line returns a text on one line: with its control characters escaped, line ends and tabs among
// them.
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

// Block returns a text of several lines that stands behind a name of that width: all lines but
// the first are indented, so that none passes for a name.
func Block(text string, width int) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+strings.Repeat(" ", width))
}
