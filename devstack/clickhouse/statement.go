package clickhouse

import (
	"slices"
	"strings"
)

// statementKind decides how a statement is run.
type statementKind uint8

const (
	// statementPlain runs to its end and returns all of its output at once.
	statementPlain statementKind = iota
	// statementSelect returns its output in pieces.
	statementSelect
	// statementInsert is fed with data.
	statementInsert
	// statementInput is an INSERT ... SELECT ... FROM input(...): fed with
	// data too, which pass through a query first.
	statementInput
)

// statement is what we need to know about a query before the engine sees it.
// The text is never understood any deeper than this.
type statement struct {
	kind statementKind

	// text is the statement alone, without data and without a final ';'.
	text string
	// readOnly is set if the statement cannot change anything: it can be cancelled when its client
	// has disconnected.
	readOnly bool

	// format is what the FORMAT clause names, "" if there is none. The clause
	// starts at formatAt, which is the end of the text if there is none.
	format   string
	formatAt int

	// sourceAt is where an INSERT's source of data is to be written.
	sourceAt int
	// dataAt is where the data start in the text that was analysed.
	dataAt int
	// input is the call of input('...'), and structure its argument, quotes
	// included.
	input     token
	structure string
}

// readOnlyWords start the statements that change nothing.
var readOnlyWords = []string{"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK"}

// analyse finds the clauses of the statement at the start of text. Data may follow the head of an
// INSERT and are not analysed. If more is set, text is only the beginning of the request, and
// analyse returns false if it does not reach the data.
func analyse(text string, more bool) (st statement, ok bool, err error) {
	l := &lexer{text: text}
	first := l.peek()
	switch {
	case l.is(first, "INSERT"):
		st, ok, err = analyseInsert(l, more)
	case more:
		return statement{}, false, nil
	default:
		st, err = analyseQuery(l, first)
		ok = err == nil
	}
	if ok && err == nil {
		err = confine(st.text)
	}
	return st, ok && err == nil, err
}

// analyseQuery handles everything but INSERT.
func analyseQuery(l *lexer, first token) (statement, error) {
	st := statement{formatAt: -1}
	st.readOnly = l.is(first, "(") || slices.ContainsFunc(readOnlyWords, func(w string) bool { return l.is(first, w) })
	if l.is(first, "SELECT") || l.is(first, "WITH") || l.is(first, "FROM") || l.is(first, "(") {
		st.kind = statementSelect
	}
	end := len(l.text)
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if l.depth != 0 {
			continue
		}
		switch {
		case l.is(t, ";"):
			if l.peek().kind != tokenEnd {
				return st, errMultiStatement(t.start + 1)
			}
			end = t.start
		case l.is(t, "INSERT"):
			// WITH ... INSERT: it writes.
			st.kind, st.readOnly = statementPlain, false
		case l.is(t, "INTO") && l.is(l.peek(), "OUTFILE"):
			return st, newException(codeNotImplemented, "INTO OUTFILE is not allowed")
		case l.is(t, "FORMAT"):
			if name, ok := formatClause(l); ok {
				st.format, st.formatAt = name, t.start
			}
		}
	}
	st.text = l.text[:end]
	if st.formatAt < 0 {
		st.formatAt = end
	}
	return st, nil
}

// formatClause returns the name behind the word FORMAT, if the words read as
// a clause: nothing but SETTINGS may follow. FORMAT is no reserved word, so
// that a column may have it as its name.
func formatClause(l *lexer) (string, bool) {
	ahead := *l
	name := ahead.next()
	if name.kind != tokenWord {
		return "", false
	}
	after := ahead.next()
	if after.kind != tokenEnd && !ahead.is(after, ";") && !ahead.is(after, "SETTINGS") {
		return "", false
	}
	return l.text[name.start:name.end], true
}

// analyseInsert handles INSERT [INTO] [TABLE] [FUNCTION] name [(columns)]
// [SETTINGS ...] and what is to be inserted.
func analyseInsert(l *lexer, more bool) (statement, bool, error) {
	l.next() // INSERT
	for l.is(l.peek(), "INTO") || l.is(l.peek(), "TABLE") || l.is(l.peek(), "FUNCTION") {
		l.next()
	}
	// The name comes first, as it may be a word that means something below.
	l.next()
	for l.is(l.peek(), ".") {
		l.next()
		l.next()
	}
	st := statement{kind: statementInsert, sourceAt: -1}
	source := func(at int) {
		if st.sourceAt < 0 {
			st.sourceAt = at
		}
	}
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if l.is(t, "(") && (l.is(l.peek(), "SELECT") || l.is(l.peek(), "WITH")) {
			return analyseInsertSelect(l, more)
		}
		if l.depth != 0 {
			continue
		}
		switch {
		case l.is(t, "SETTINGS"):
			source(t.start)
		case l.is(t, "VALUES"):
			source(t.start)
			st.text, st.format, st.formatAt, st.dataAt = l.text[:t.start], "Values", t.start, t.end
			return st, true, nil
		case l.is(t, "FORMAT") && l.peek().kind == tokenWord:
			source(t.start)
			name := l.next()
			st.text, st.format, st.formatAt = l.text[:t.start], l.text[name.start:name.end], t.start
			at, err := dataStart(l.text, name.end)
			st.dataAt = at
			// The missing text may continue the name at the end of the text.
			return st, err == nil && (!more || at < len(l.text)), err
		case l.is(t, "FROM") && l.is(l.peek(), "INFILE"):
			return st, false, newException(codeInfileNotAllowed, "FROM INFILE is not allowed: send the data in the request")
		case l.is(t, "SELECT"), l.is(t, "WITH"), l.is(t, "WATCH"):
			return analyseInsertSelect(l, more)
		case l.is(t, ";"):
			source(t.start)
			st.text, st.format, st.formatAt, st.dataAt = l.text[:t.start], "Values", t.start, t.end
			return st, !more, nil
		}
	}
	source(len(l.text))
	st.text, st.format, st.formatAt, st.dataAt = l.text, "Values", len(l.text), len(l.text)
	return st, !more, nil
}

// analyseInsertSelect handles INSERT ... SELECT, of which only the one with
// input(...) has data.
func analyseInsertSelect(l *lexer, more bool) (statement, bool, error) {
	st := statement{kind: statementPlain}
	end := len(l.text)
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		switch {
		case l.is(t, "input") && l.is(l.peek(), "("):
			ahead := *l
			ahead.next()
			structure, closing := ahead.next(), ahead.next()
			if structure.kind == tokenString && ahead.is(closing, ")") {
				st.kind, st.input = statementInput, token{tokenWord, t.start, closing.end}
				st.structure = l.text[structure.start:structure.end]
			}
		case l.depth != 0:
		case l.is(t, ";"):
			if l.peek().kind != tokenEnd {
				return st, false, errMultiStatement(t.start + 1)
			}
			end = t.start
		case st.kind == statementInput && l.is(t, "FORMAT") && l.peek().kind == tokenWord:
			name := l.next()
			st.text, st.format, st.formatAt = l.text[:t.start], l.text[name.start:name.end], t.start
			at, err := dataStart(l.text, name.end)
			st.dataAt = at
			return st, err == nil && (!more || at < len(l.text)), err
		}
	}
	if st.kind == statementInput && !more {
		return st, false, newException(codeBadArguments, "FORMAT must be specified for function input()")
	}
	st.text, st.formatAt = l.text[:end], end
	return st, !more, nil
}

// dataStart is where data start behind FORMAT's name: after the line break, if
// there is one, or else after the blanks
// (https://clickhouse.com/docs/sql-reference/statements/insert-into).
func dataStart(text string, at int) (int, error) {
	rest := text[at:]
	if strings.HasPrefix(rest, ";") {
		return at, newException(codeSyntaxError, "You have excessive ';' symbol before data for INSERT")
	}
	rest = strings.TrimLeft(rest, " \t\f")
	rest = strings.TrimPrefix(rest, "\r")
	rest = strings.TrimPrefix(rest, "\n")
	return len(text) - len(rest), nil
}

// fed returns the statement reading its data from the file at path.
//
// FROM INFILE keeps the meaning of the INSERT entirely: defaults, columns,
// squashing into parts, deduplication and the roll-back when data end too
// early are those of an INSERT with data, whereas an INSERT ... SELECT from
// file() has rules of its own for each of them.
func (st statement) fed(path string) string {
	return st.text[:st.sourceAt] + " FROM INFILE " + quote(path) + " COMPRESSION 'none' " +
		st.text[st.sourceAt:st.formatAt] + " FORMAT " + st.format
}

// over returns an INSERT ... SELECT ... FROM input(...) that reads its data from a table.
func (st statement) over(table string) string {
	return st.text[:st.input.start] + quoteName(table) + st.text[st.input.end:]
}

// into returns the statement writing its output in the given format to the
// file at path.
func (st statement) into(path, format string) string {
	// The line break ends a comment that the text may end with.
	clause := "\nINTO OUTFILE " + quote(path) + " TRUNCATE "
	if st.format == "" {
		return st.text + clause + "FORMAT " + format
	}
	return st.text[:st.formatAt] + clause + st.text[st.formatAt:]
}

// plain returns a statement without its FORMAT clause.
func (st statement) plain() string {
	if st.format == "" {
		return st.text
	}
	l := &lexer{text: st.text, pos: st.formatAt}
	l.next() // FORMAT
	return st.text[:st.formatAt] + st.text[l.next().end:]
}

// quote writes text as a string literal of ClickHouse's SQL.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// quoteName writes name as an identifier of ClickHouse's SQL.
func quoteName(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}

// errMultiStatement refuses a second statement, which begins at a position.
func errMultiStatement(position int) error {
	return newException(codeSyntaxError,
		"Syntax error (Multi-statements are not allowed): failed at position %d (end of query)", position)
}
