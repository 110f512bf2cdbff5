package clickhouse

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/sluicehq/sluice/devstack/clickhouse/native"
)

// targetColumn is a column of a table as DESCRIBE tells it.
type targetColumn struct {
	native.Column
	// defaultKind is DEFAULT, MATERIALIZED, ALIAS, EPHEMERAL or "".
	defaultKind, defaultText string
}

// insertTarget is what an INSERT writes to.
type insertTarget struct {
	all  []targetColumn  // of the table
	sent []native.Column // those that the client is to send
}

// insertColumns finds out which columns an INSERT wants.
func (c *nativeConn) insertColumns(ctx context.Context, q *nativeQuery) (target insertTarget, err error) {
	table, names := "null("+q.st.structure+")", []string(nil)
	if q.st.kind == statementInsert {
		if table, names, err = q.st.target(); err != nil {
			return target, err
		}
	}
	err = c.engine.do(ctx, q.request, func(s *session) error {
		target.all, err = s.describeTable(table, q.params)
		return err
	})
	if err != nil {
		return target, err
	}
	if target.sent, err = choose(target.all, table, names); err != nil {
		return target, err
	}
	for _, column := range target.sent {
		if err := native.CheckType(column.Type); err != nil {
			return target, fmt.Errorf("column %s: %w", column.Name, err)
		}
	}
	return target, nil
}

// choose returns the columns with the given names, or without names those that
// an INSERT without a list of columns has.
func choose(all []targetColumn, table string, names []string) (chosen []native.Column, err error) {
	for _, column := range all {
		if names == nil && (column.defaultKind == "" || column.defaultKind == "DEFAULT") {
			chosen = append(chosen, column.Column)
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(c targetColumn) bool { return c.Name == name })
		if i < 0 {
			return nil, newException(codeNoSuchColumn, "No such column %s in table %s", name, table)
		}
		chosen = append(chosen, all[i].Column)
	}
	return chosen, nil
}

// askForData tells the client what to send.
func (c *nativeConn) askForData(q *nativeQuery, target insertTarget) error {
	var text strings.Builder
	fmt.Fprintf(&text, "columns format version: 1\n%d columns:\n", len(target.all))
	for _, column := range target.all {
		text.WriteString(quoteName(column.Name) + " " + column.Type)
		if column.defaultKind != "" {
			text.WriteString("\t" + column.defaultKind + "\t" + escapeTSV.Replace(column.defaultText))
		}
		text.WriteString("\n")
	}
	err := c.out.add(func(b *proto.Buffer) { proto.TableColumns{Second: text.String()}.EncodeAware(b, c.out.revision) })
	if err != nil {
		return err
	}
	if err := c.out.header(q.compressed, target.sent); err != nil {
		return err
	}
	return c.out.flush()
}

var escapeTSV = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`)

// describe returns the columns of what stands behind DESCRIBE TABLE.
func (s *session) describe(source string, p params) ([]native.Column, error) {
	all, err := s.describeTable(source, p)
	columns := make([]native.Column, 0, len(all))
	for _, column := range all {
		columns = append(columns, column.Column)
	}
	return columns, err
}

func (s *session) describeTable(source string, p params) ([]targetColumn, error) {
	r, err := s.exec("DESCRIBE TABLE "+source, "JSONCompactEachRow", p)
	if err != nil {
		return nil, err
	}
	defer r.destroy()
	var columns []targetColumn
	for line := range strings.Lines(string(r.data)) {
		var fields []string
		if err := json.Unmarshal([]byte(line), &fields); err != nil || len(fields) < 4 {
			return nil, fmt.Errorf("the engine describes a column as %.200q", line)
		}
		columns = append(columns, targetColumn{native.Column{Name: fields[0], Type: fields[1]}, fields[2], fields[3]})
	}
	return columns, nil
}

// columnsOf returns the columns of a statement that has no rows and cannot be
// described. It runs again, in a format that names columns in any case.
func (s *session) columnsOf(text string, p params) ([]native.Column, error) {
	r, err := s.exec(text, "JSONCompact", p)
	if err != nil {
		return nil, err
	}
	defer r.destroy()
	var answer struct {
		Meta []native.Column `json:"meta"`
	}
	if err := json.Unmarshal(r.data, &answer); err != nil {
		return nil, fmt.Errorf("read columns of the answer: %w", err)
	}
	return answer.Meta, nil
}

// target returns the table of an INSERT and its list of columns, which is nil
// if there is none.
func (st statement) target() (table string, names []string, err error) {
	unsupported := newException(codeNotImplemented,
		"The native interface inserts into a table with an optional list of column names only")
	l := &lexer{text: st.text[:st.sourceAt]}
	l.next() // INSERT
	for l.is(l.peek(), "INTO") || l.is(l.peek(), "TABLE") {
		l.next()
	}
	if l.is(l.peek(), "FUNCTION") {
		return "", nil, unsupported
	}
	table, _ = l.name()
	if l.peek().kind == tokenEnd {
		return table, nil, nil
	}
	for separator := "("; !l.is(l.peek(), ")"); separator = "," {
		if !l.is(l.next(), separator) {
			return "", nil, unsupported
		}
		_, name := l.name()
		if name == "" {
			return "", nil, unsupported
		}
		names = append(names, name)
	}
	l.next() // )
	if l.peek().kind != tokenEnd {
		return "", nil, unsupported
	}
	return table, names, nil
}

// name reads a name, which may have parts with dots between them. It returns
// it as it is written and without quotes.
func (l *lexer) name() (written, plain string) {
	start := l.peek().start
	for {
		t := l.next()
		switch t.kind {
		case tokenWord:
			plain += l.text[t.start:t.end]
		case tokenQuoted:
			plain += unquoteName(l.text[t.start:t.end])
		default:
			return "", ""
		}
		if !l.is(l.peek(), ".") {
			return l.text[start:t.end], plain
		}
		l.next()
		plain += "."
	}
}

// unquoteName takes the quotes off a name.
func unquoteName(quoted string) string {
	quote, body := quoted[:1], strings.TrimSuffix(quoted[1:], quoted[:1])
	return strings.NewReplacer(`\\`, `\`, `\`+quote, quote, quote+quote, quote).Replace(body)
}
