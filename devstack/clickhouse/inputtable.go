package clickhouse

import "strings"

// inputTable holds the data of input() while the query over them runs. The name is a session's
// own, as temporary tables are.
const inputTable = "_sluice_input"

// feedInput runs an INSERT ... SELECT ... FROM input(...). The data are held in memory: a table
// function that reads our pipe would need the right to read files.
func (e *engine) feedInput(s *session, st statement, p params, f *feed) (progress, error) {
	if err := s.makeTable(inputTable, unquote(st.structure)); err != nil {
		return progress{}, err
	}
	into, _, err := analyse("INSERT INTO "+inputTable+" FORMAT "+st.format, false)
	if err != nil {
		return progress{}, err
	}
	if _, err := e.feed(s, into, params{}, f); err != nil {
		return progress{}, err
	}
	// A temporary table is no stable source in the eyes of INSERT ... SELECT, which would ignore a
	// deduplication token.
	if err := s.run("SET deduplicate_insert_select = 'enable_even_for_bad_queries'"); err != nil {
		return progress{}, err
	}
	r, err := s.exec(st.over(inputTable), "Null", p)
	if err != nil {
		return progress{}, err
	}
	defer r.destroy()
	return r.progress, nil
}

// makeTable makes a temporary table with columns that a client has described.
func (s *session) makeTable(name, structure string) error {
	create := "CREATE TEMPORARY TABLE " + quoteName(name) + " (" + structure + "\n) ENGINE = Memory"
	if err := confine(create); err != nil {
		return err
	}
	return s.run(create)
}

// unquote returns the text of a string literal of ClickHouse's SQL.
func unquote(literal string) string {
	text := strings.TrimSuffix(strings.TrimPrefix(literal, "'"), "'")
	return strings.NewReplacer(`\\`, `\`, `\'`, `'`, `''`, `'`).Replace(text)
}
