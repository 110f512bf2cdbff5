package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// given is the row as the table's types read it. Values are turned into the types of their
// columns by the database itself.
func (r Row) given() string { return "jsonb_populate_record(NULL::" + r.table() + ", $1::jsonb)" }

func (r Row) table() string { return pgx.Identifier(strings.Split(r.Table, ".")).Sanitize() }

// rest are the columns that are not in the key.
func (r Row) rest(columns []string) []string {
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return slices.Contains(r.Key, c) })
}

// statement returns the statement that puts a row in its place; the row is its parameter. It
// does nothing if the types of the columns would change a value.
func (r Row) statement(columns []string) string {
	list := quoteAll(columns, "%s")
	text := "INSERT INTO " + r.table() + " AS there (" + list + ") SELECT " + list + " FROM " + r.given() +
		" WHERE NOT EXISTS (" + r.changed() + ") ON CONFLICT (" + quoteAll(r.Key, "%s") + ") DO "
	rest := r.rest(columns)
	if len(rest) == 0 {
		return text + "NOTHING"
	}
	text += "UPDATE SET " + quoteAll(rest, "%[1]s = excluded.%[1]s")
	if r.Newest != "" {
		newest := quoteAll([]string{r.Newest}, "%s")
		text += " WHERE there." + newest + " IS NULL OR there." + newest + " <= excluded." + newest
	}
	return text
}

// changed returns a query for the columns whose type changes the value, without an error:
// numbers that are rounded, days, fractions of seconds and spaces that are cut. Fractions of
// floating-point numbers are rounded by their nature.
func (r Row) changed() string {
	literal := "'" + strings.ReplaceAll(r.table(), "'", "''") + "'"
	return `SELECT g.key FROM jsonb_each($1::jsonb) g
		JOIN jsonb_each(to_jsonb(` + r.given() + `)) s USING (key)
		JOIN pg_attribute a ON a.attrelid = ` + literal + `::regclass AND a.attname = g.key AND NOT a.attisdropped
		JOIN pg_type t ON t.oid = a.atttypid
		WHERE CASE coalesce(nullif(t.typbasetype, 0), t.oid)
			WHEN 'numeric'::regtype THEN jsonb_typeof(s.value) = 'number'
				AND (g.value #>> '{}')::numeric <> s.value::numeric
			WHEN 'real'::regtype THEN jsonb_typeof(s.value) = 'number'
				AND (g.value #>> '{}')::numeric = trunc((g.value #>> '{}')::numeric)
				AND (g.value #>> '{}')::numeric <> s.value::numeric
			WHEN 'double precision'::regtype THEN jsonb_typeof(s.value) = 'number'
				AND (g.value #>> '{}')::numeric = trunc((g.value #>> '{}')::numeric)
				AND (g.value #>> '{}')::numeric <> s.value::numeric
			WHEN 'date'::regtype THEN (g.value #>> '{}') ~ '\d[T ]\d?\d:' AND (g.value #>> '{}') !~ '[T ]0?0:00(:00)?(\.0*)?\D*'
			WHEN 'timestamp'::regtype THEN ` + cut + `
			WHEN 'timestamptz'::regtype THEN ` + cut + `
			WHEN 'time'::regtype THEN ` + cut + `
			WHEN 'timetz'::regtype THEN ` + cut + `
			WHEN 'varchar'::regtype THEN jsonb_typeof(g.value) = 'string' AND g.value <> s.value
			WHEN 'numeric[]'::regtype THEN jsonb_typeof(s.value) = 'array' AND
				CASE jsonb_typeof(g.value)
				WHEN 'string' THEN ARRAY(SELECT n FROM unnest((g.value #>> '{}')::numeric[]) AS n WHERE n IS NOT NULL)
				ELSE ` + leaves("g.value") + ` END <> ` + leaves("s.value") + `
			ELSE false END`
}

// leaves flattens an array of numbers, which may be in quotes.
func leaves(value string) string {
	return `ARRAY(SELECT (leaf #>> '{}')::numeric FROM jsonb_path_query(` + value +
		`, 'strict $.** ? (@.type() == "number" || @.type() == "string")') AS leaf)`
}

// cut says whether a time has more digits of a second than its type.
const cut = `length(rtrim(coalesce(substring(g.value #>> '{}' from ':\d\d\.(\d+)'), ''), '0')) >
	coalesce(nullif(greatest(a.atttypmod, t.typtypmod), -1), 6)`

// settling returns a query for why a statement has put no row, without an error: the columns
// whose values it would have changed, and whether the row is in its place all the same, or a
// newer one is.
func (r Row) settling(columns []string) string {
	same := quoteAll(r.Key, "there.%[1]s = given.%[1]s")
	same = strings.ReplaceAll(same, ", ", " AND ")
	equal := "true"
	for _, c := range r.rest(columns) {
		equal += quoteAll([]string{c}, " AND to_jsonb(there.%[1]s) IS NOT DISTINCT FROM to_jsonb(given.%[1]s)")
	}
	if r.Newest != "" {
		equal = "(" + equal + ") OR " + quoteAll([]string{r.Newest}, "there.%[1]s > given.%[1]s")
	}
	return "SELECT ARRAY(" + r.changed() + "), EXISTS (SELECT FROM " + r.table() + " AS there, " + r.given() +
		" AS given WHERE " + same + " AND (" + equal + "))"
}

// quoteAll writes names one after the other, each in a form.
func quoteAll(names []string, form string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = fmt.Sprintf(form, pgx.Identifier{name}.Sanitize())
	}
	return strings.Join(all, ", ")
}
