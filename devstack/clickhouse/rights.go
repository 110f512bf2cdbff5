package clickhouse

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// rights are what clients may do: everything with tables of this engine, and nothing with files,
// programs and other servers. Without a right to a source the engine refuses its table functions
// and table engines (https://clickhouse.com/docs/sql-reference/statements/grant#sources); without
// CREATE DICTIONARY no source of a dictionary is reached. The data of our own pipes need none.
const rights = "GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, " +
	"CREATE TEMPORARY TABLE, CREATE FUNCTION, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, KILL QUERY, SYSTEM, dictGet, " +
	"INTROSPECTION ON *.*"

const usersXML = `<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users><default>
    <password/>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants><query>` + rights + `</query></grants>
  </default></users>
</clickhouse>
`

// writeRights writes the engine's configuration into its folder and returns the path of the main
// file.
func writeRights(dataDir string) (path string, err error) {
	dir := filepath.Join(dataDir, "config")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make folder of the engine's configuration: %w", err)
	}
	users := filepath.Join(dir, "users.xml")
	var escaped bytes.Buffer
	if err := xml.EscapeText(&escaped, []byte(users)); err != nil {
		return "", fmt.Errorf("write the engine's configuration: %w", err)
	}
	path = filepath.Join(dir, "engine.xml")
	for file, text := range map[string]string{
		users: usersXML,
		path:  "<clickhouse><users_config>" + escaped.String() + "</users_config></clickhouse>\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("write the engine's configuration: %w", err)
		}
	}
	return path, nil
}

// What opens files where a client says before the engine looks at rights, or without: the function
// file reads any file in a program that embeds the engine.
var (
	deniedFunctions = []string{"disk", "file", "sqlite"}
	deniedEngines   = []string{"EmbeddedRocksDB", "FileLog", "SQLite"}
)

// confine refuses what reaches files and needs no right: functions, engines, and clauses that the
// client side of the engine carries out.
func confine(text string) error {
	// The engine takes some characters outside of ASCII for blanks. No name that matters has any.
	l := &lexer{text: strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return ' '
		}
		return r
	}, text)}
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		following := l.peek()
		switch {
		case l.is(following, "(") && l.named(t, deniedFunctions):
			return errDenied(l.text[t.start:t.end] + "()")
		case l.is(t, "INTO") && l.is(following, "OUTFILE"):
			return newException(codeNotImplemented, "INTO OUTFILE is not allowed")
		case l.is(t, "FROM") && l.is(following, "INFILE"):
			return newException(codeInfileNotAllowed, "FROM INFILE is not allowed: send the data in the request")
		case l.is(t, "ENGINE"):
			ahead := *l
			name := ahead.next()
			if ahead.is(name, "=") {
				name = ahead.next()
			}
			if ahead.named(name, deniedEngines) {
				return errDenied("the engine " + ahead.text[name.start:name.end])
			}
		}
	}
	return nil
}

// named tells whether t is one of the names, in any case and with or without quotes. A quoted name
// with an escape in it counts as any name.
func (l *lexer) named(t token, names []string) bool {
	text := l.text[t.start:t.end]
	if t.kind == tokenQuoted {
		if strings.Contains(text, `\`) {
			return true
		}
		text = strings.Trim(text, "`\"")
	} else if t.kind != tokenWord {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(text, name) })
}

func errDenied(what string) error {
	return newException(codeAccessDenied, "%s is not allowed: this engine reads and writes no files but its own", what)
}
