package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestWriterEscapes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain\ttext\n":                     "plain\ttext\n",
		"سلام, 日本, münchen, 👍":              "سلام, 日本, münchen, 👍",
		"\x1b[2J\x1b]0;title\x07":           `\u001b[2J\u001b]0;title\u0007`,
		"a\rb\x00c\x7fd\bx\x0bz":            `a\u000db\u0000c\u007fd\u0008x\u000bz`,
		"\u009b31m\u0085":                   `\u009b31m\u0085`,
		"\x9b31m":                           `\x9b31m`,
		"user\u202etxt.exe\u2066\u200f":     `user\u202etxt.exe\u2066\u200f`,
		"one\u2028two\u2029":                `one\u2028two\u2029`,
		"cut \xe2\x82":                      `cut \xe2\x82`,
		"\uFDD0\uFDD1colours of ours\uFDD0": "colours of ours",
		"\x1b[31mred\x1b[0m":                `\u001b[31mred\u001b[0m`,
	} {
		for _, size := range []int{1, 2, 3, len(text)} {
			var out bytes.Buffer
			w := NewWriter(&out)
			for part := range slices.Chunk([]byte(text), size) {
				n, err := w.Write(part)
				require.NoError(t, err)
				require.Equal(t, len(part), n)
			}
			require.NoError(t, w.Flush())
			require.Equal(t, want, out.String())
		}
	}
	once := NewWriter(io.Discard)
	require.Same(t, once, NewWriter(once))
}

// On a terminal Paint's colours are passed, and no code of the text's.
func TestWriterPassesColours(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := &Writer{w: &out, colours: true}
	for i, colour := range []Colour{Red, Green, Yellow, Cyan, Faint, Bold} {
		out.Reset()
		_, err := io.WriteString(w, Paint(w, colour, "a\x1b[0mb"))
		require.NoError(t, err)
		require.Equal(t, "\x1b["+string(colourCodes[i+1])+`ma\u001b[0mb`+"\x1b[0m", out.String())
	}
	out.Reset()
	table := NewTable("A", "B")
	table.Row(Coloured{Text: "x\n\x1b[2J", Colour: Red}, "y\r\n\tz")
	require.NoError(t, table.Write(w))
	require.Equal(t, "\x1b[2mA\x1b[0m             \x1b[2mB\x1b[0m\n\x1b[31mx\\n\\u001b[2J\x1b[0m  y\\u000d\\n\\tz\n", out.String())
}

// JSON stays what it was: the escapes are those of JSON.
func TestWriterKeepsJSON(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for r := range rune(0x2100) {
		all.WriteRune(r)
	}
	var out bytes.Buffer
	require.NoError(t, json.NewEncoder(NewWriter(&out)).Encode(all.String()))
	var back string
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	require.Equal(t, all.String(), back)
	require.NotContains(t, strings.TrimSuffix(out.String(), "\n"), "\u009b")
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriterTellsErrors(t *testing.T) {
	t.Parallel()
	w := NewWriter(brokenWriter{})
	_, err := w.Write([]byte("x"))
	require.ErrorIs(t, err, errBroken)
	require.ErrorIs(t, w.Flush(), errBroken)
}

func TestLine(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b", Line("a b"))
	require.Equal(t, `a\nb\tc\u000d\u202e\xff`, Line("a\nb\tc\r\u202e\xff"))
	require.Equal(t, "one\n   two", Block("one\ntwo\n", 3))
}

// No control character passes, wherever a text is split.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("\x1b[2J\xc2\x9b\xe2\x80\xae"), 2)
	f.Add([]byte("\xf0\x9f\x91\x8d\x9b"), 1)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		var out bytes.Buffer
		w := NewWriter(&out)
		for part := range slices.Chunk(text, max(1, size)) {
			_, err := w.Write(part)
			require.NoError(t, err)
		}
		require.NoError(t, w.Flush())
		require.True(t, utf8.Valid(out.Bytes()))
		for _, r := range out.String() {
			require.False(t, r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control), "%U", r)
		}
		if utf8.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool { return Control(r) || r >= firstColour && r < firstColour+32 }) {
			require.Equal(t, text, append([]byte{}, out.Bytes()...))
		}
	})
}
