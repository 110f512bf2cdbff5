package clickhouse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/tables"
)

// describedColumn is a column as the engine describes it.
type describedColumn struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	DefaultType string `json:"default_type"`
}

// relation is what a sync reads: a table or a query, which statements call s.
type relation struct {
	relation string
	// columns are those of a record.
	columns []describedColumn
	// key and at are expressions of the columns of the same meaning, at is "" without a cursor column. rawKey is the
	// column itself, which keyNullable says may be null.
	key, rawKey, at string
	keyNullable     bool
	// keyType is the type of the key, atDigits the number of digits of a second that at has, -1 for DateTime.
	keyType  string
	atDigits int
}

var (
	validKeyType = regexp.MustCompile(`^(U?Int(8|16|32|64|128|256)|String|UUID)$`)
	validAtType  = regexp.MustCompile(`^DateTime(64\((\d)(?:, *'[^']*')?\)|(?:\('[^']*'\))?)$`)
	wrapped      = regexp.MustCompile(`^(LowCardinality|Nullable)\((.*)\)$`)
)

// bare returns a type without what does not matter for its values.
func bare(typ string) (name string, nullable bool) {
	for {
		match := wrapped.FindStringSubmatch(typ)
		if match == nil {
			return typ, nullable
		}
		nullable, typ = nullable || match[1] == "Nullable", match[2]
	}
}

// newRelation checks the columns of what is read.
func newRelation(described string, columns []describedColumn, o sync.SourceOptions) (relation, error) {
	from := relation{relation: described + " AS s"}
	types := map[string]string{}
	for _, c := range columns {
		if c.DefaultType == "EPHEMERAL" || c.DefaultType == "ALIAS" || c.DefaultType == "MATERIALIZED" {
			// As of SELECT *.
			continue
		}
		if types[c.Name] != "" {
			return relation{}, tables.Permanent(fmt.Sprintf("two columns have the name %q: want one", c.Name))
		}
		types[c.Name] = c.Type
		from.columns = append(from.columns, c)
	}
	if types[o.Key] == "" {
		return relation{}, tables.Permanent(
			fmt.Sprintf("there is no column %q: want the column that identifies a row", o.Key))
	}
	from.rawKey = "s." + quote(o.Key)
	from.key = from.rawKey
	if from.keyType, from.keyNullable = bare(types[o.Key]); from.keyNullable {
		from.key = "assumeNotNull(" + from.rawKey + ")"
	}
	if !validKeyType.MatchString(from.keyType) {
		return relation{}, tables.Permanent(fmt.Sprintf(
			"the key column has the type %s: want an integer, a String or a UUID", from.keyType))
	}
	if o.Cursor == "" {
		return from, nil
	}
	if types[o.Cursor] == "" {
		return relation{}, tables.Permanent(fmt.Sprintf(
			"there is no column %q: want the column with the time of the last change", o.Cursor))
	}
	name, _ := bare(types[o.Cursor])
	match := validAtType.FindStringSubmatch(name)
	if match == nil {
		return relation{}, tables.Permanent(
			fmt.Sprintf("the cursor column has the type %s: want DateTime or DateTime64", name))
	}
	from.at, from.atDigits = "s."+quote(o.Cursor), -1
	if match[2] != "" {
		from.atDigits = int(match[2][0] - '0')
	}
	return from, nil
}

// keyValue writes a key as a literal of its type.
func (r relation) keyValue(key string) string {
	if r.keyType == "String" {
		return literal(key)
	}
	return "CAST(" + literal(key) + " AS " + r.keyType + ")"
}

// atValue writes a time in UTC, as selecting gives it, as a literal of the type of at.
func (r relation) atValue(at string) string {
	if r.atDigits < 0 {
		return "toDateTime(" + literal(at) + ", 'UTC')"
	}
	return fmt.Sprintf("toDateTime64(%s, %d, 'UTC')", literal(at), r.atDigits)
}

// after selects the rows of a window after a place, nil for its start.
func (r relation) after(w sync.Window, place *tables.Place) string {
	var where []string
	if !w.Full() {
		where = append(where, r.at+" >= "+r.atValue(w.Since.UTC().Format(time.DateTime)),
			r.at+" <= "+r.atValue(w.Until.UTC().Format(time.DateTime)))
	}
	switch {
	case place == nil:
	case w.Full():
		where = append(where, r.key+" > "+r.keyValue(place.Key))
	default:
		where = append(where, "("+r.at+", "+r.key+") > ("+r.atValue(*place.At)+", "+r.keyValue(place.Key)+")")
	}
	order := r.key
	if !w.Full() {
		order = r.at + ", " + r.key
	}
	condition := ""
	if len(where) > 0 {
		condition = " WHERE " + strings.Join(where, " AND ")
	}
	return condition + " ORDER BY " + order
}

// fixed is the number of values of a row before those of its columns.
const fixed = 5

// selecting selects so many rows: the key as a value and as a text, whether that is UTF-8, the time of the last change
// in UTC, the name of a column whose text is not UTF-8, and the columns if data is set. The format has no names of
// columns: they may be any.
func (r relation) selecting(condition string, limit int, data bool) string {
	text := "toString(" + r.key + ")"
	at, invalid := "NULL", ""
	if r.at != "" {
		at = "toString(" + r.at + ", 'UTC')"
	}
	var columns strings.Builder
	for _, c := range r.columns {
		if !data {
			break
		}
		column := "s." + quoteAny(c.Name)
		columns.WriteString(", " + column)
		if strings.Contains(c.Type, "String") {
			invalid += "NOT ifNull(isValidUTF8(toString(" + column + ")), 1), " + literal(c.Name) + ", "
		}
	}
	fault := "''"
	if invalid != "" {
		fault = "multiIf(" + invalid + "'')"
	}
	return fmt.Sprintf("SELECT %s, %s, isValidUTF8(%s), %s, %s%s FROM %s%s LIMIT %d FORMAT JSONCompact",
		r.key, text, text, at, fault, &columns, r.relation, condition, limit)
}

// row makes a row of the values that selecting selects.
func (r relation) row(values []json.RawMessage, data bool) (row tables.Row, err error) {
	want := fixed
	if data {
		want += len(r.columns)
	}
	var invalid string
	if len(values) != want || json.Unmarshal(values[1], &row.Key) != nil || json.Unmarshal(values[3], &row.At) != nil ||
		json.Unmarshal(values[4], &invalid) != nil {
		return row, errUnreadable
	}
	if string(values[2]) != "1" {
		// Its place could not be stored.
		return row, tables.Permanent("a key is not text in UTF-8: want a column whose texts are")
	}
	if invalid != "" {
		row.Fault = fmt.Sprintf("column %q: want text in UTF-8", invalid)
	}
	if row.ID = values[0]; !data {
		return row, nil
	}
	var object bytes.Buffer
	for i, c := range r.columns {
		name, err := json.Marshal(c.Name)
		if err != nil {
			return row, errUnreadable
		}
		if i > 0 {
			object.WriteByte(',')
		}
		object.Write(name)
		object.WriteByte(':')
		object.Write(values[fixed+i])
	}
	row.Data = slices.Concat([]byte("{"), object.Bytes(), []byte("}"))
	return row, nil
}

// quoteAny quotes a name that the engine has given.
func quoteAny(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}
