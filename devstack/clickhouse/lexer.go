package clickhouse

import "strings"

// tokenKind tells the tokens of ClickHouse's SQL apart, as far as finding
// the clauses of a statement needs it.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota // end of the text
	tokenWord                    // bare word or number
	tokenQuoted                  // `name` or "name"
	tokenString                  // 'text' or a heredoc
	tokenPunct                   // one character
)

// token is a piece of the statement, text[start:end].
type token struct {
	kind       tokenKind
	start, end int
}

// lexer walks over the tokens of text. Blanks and comments are left out. An
// unfinished string or comment reaches to the end of the text: the engine is
// the one to complain about it.
type lexer struct {
	text  string
	pos   int
	depth int // of brackets around the token that next returned last
}

// next returns the token at the current position and moves behind it.
func (l *lexer) next() token {
	l.skipBlank()
	start := l.pos
	if start >= len(l.text) {
		return token{tokenEnd, start, start}
	}
	switch c := l.text[start]; {
	case c == '\'':
		l.quoted(c)
		return token{tokenString, start, l.pos}
	case c == '"' || c == '`':
		l.quoted(c)
		return token{tokenQuoted, start, l.pos}
	case c == '$' && l.heredoc():
		return token{tokenString, start, l.pos}
	case isWord(c):
		for l.pos < len(l.text) && isWord(l.text[l.pos]) {
			l.pos++
		}
		return token{tokenWord, start, l.pos}
	default:
		switch c {
		case '(', '[', '{':
			l.depth++
		case ')', ']', '}':
			l.depth--
		}
		l.pos++
		return token{tokenPunct, start, l.pos}
	}
}

// is tells whether t is the bare word or the character that want names, in
// any case. Keywords are never quoted.
func (l *lexer) is(t token, want string) bool {
	return (t.kind == tokenWord || t.kind == tokenPunct) && strings.EqualFold(l.text[t.start:t.end], want)
}

// peek returns the next token without moving.
func (l *lexer) peek() token {
	ahead := *l
	return ahead.next()
}

// skipBlank moves over white space and comments.
func (l *lexer) skipBlank() {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v\x00", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			l.skipPast(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			l.pos += 2
			l.skipPast(rest[2:], "*/")
		default:
			return
		}
	}
}

// skipPast moves behind the first end in rest, or to the end of the text.
func (l *lexer) skipPast(rest, end string) {
	if at := strings.Index(rest, end); at >= 0 {
		l.pos += at + len(end)
		return
	}
	l.pos = len(l.text)
}

// quoted moves behind a string or name in quotes. The quote itself may stand
// inside, escaped with a backslash or doubled.
func (l *lexer) quoted(quote byte) {
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\\':
			l.pos++
		case quote:
			if l.pos+1 < len(l.text) && l.text[l.pos+1] == quote {
				l.pos++
				continue
			}
			l.pos++
			return
		}
	}
	l.pos = len(l.text)
}

// heredoc moves behind $tag$...$tag$ and tells whether there was one.
func (l *lexer) heredoc() bool {
	rest := l.text[l.pos:]
	n := 1
	for n < len(rest) && rest[n] != '$' && isWord(rest[n]) {
		n++
	}
	if n >= len(rest) || rest[n] != '$' {
		return false
	}
	tag := rest[:n+1]
	end := strings.Index(rest[len(tag):], tag)
	if end < 0 {
		return false
	}
	l.pos += len(tag) + end + len(tag)
	return true
}

// isWord tells whether c may stand in a bare word. Bytes outside of ASCII
// count as such: no keyword holds one.
func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 ||
		'0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
