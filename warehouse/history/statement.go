package history

import (
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/calendar"
)

// parameter is a value of a query. Its constructors make numbers and days alone, which have no character that a literal
// would have to escape.
type parameter struct{ name, kind, value string }

func number(name string, value uint64) parameter {
	return parameter{name, "UInt64", strconv.FormatUint(value, 10)}
}

func day(name string, value calendar.Day) parameter { return parameter{name, "Date", value.String()} }

func numbers(name string, values []uint64) parameter {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = strconv.FormatUint(value, 10)
	}
	return parameter{name, "Array(UInt64)", "[" + strings.Join(texts, ",") + "]"}
}

// literal returns the value as SQL.
func (p parameter) literal() string {
	if p.kind == "Date" {
		return "'" + p.value + "'"
	}
	return p.value
}

// statement is a query: its template has {name} for each parameter.
type statement struct {
	template   string
	parameters []parameter
}

// text returns the query with placeholders, which the server binds.
func (s statement) text() string {
	return s.replaced(func(p parameter) string { return "{" + p.name + ":" + p.kind + "}" })
}

// sql returns the query with literals, for people.
func (s statement) sql() string { return s.replaced(parameter.literal) }

func (s statement) replaced(by func(parameter) string) string {
	pairs := make([]string, 0, 2*len(s.parameters))
	for _, p := range s.parameters {
		pairs = append(pairs, "{"+p.name+"}", by(p))
	}
	return strings.NewReplacer(pairs...).Replace(s.template)
}

func (s statement) values() map[string]string {
	values := make(map[string]string, len(s.parameters))
	for _, p := range s.parameters {
		values[p.name] = p.value
	}
	return values
}
