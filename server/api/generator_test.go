package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// generator makes parameters and bodies from the schemas of the document: right ones, ones at and beyond the limits, and
// ones that fit no schema.
type generator struct {
	random   *rand.Rand
	registry huma.Registry
	// text is a further odd text.
	text string
	// known has values by the name of a parameter or a field: with them a request reaches what there is.
	known map[string][]string
	// wild is how many values in a hundred are odd ones. It changes from request to request: with 0, requests succeed.
	wild int
	// session returns the cookie of a new session.
	session func() string
	// reached has the operations at which a request has succeeded.
	reached map[string]bool
}

// one returns one of a list.
func one[T any](random *rand.Rand, list ...T) T { return list[random.IntN(len(list))] }

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.random.IntN(n) == 0 }

// odd is true where an odd value is wanted.
func (g *generator) odd() bool { return g.random.IntN(100) < g.wild }

// oddText returns a text that few expect.
func (g *generator) oddText() string {
	return one(g.random, g.text, "", "\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "\u202egpj.exe", "é", "e\u0301", "🙂",
		strings.Repeat("é", 300), strings.Repeat("x", 70_000), "a\nb\r\nX-Injected: 1", "' OR 1=1 --", "%00", "${jndi}", "{{.}}",
		"../../etc/passwd", "..", ".", "/", "a/b", "a,b,,c", "-1", "0", "9223372036854775807", "9223372036854775808",
		"1e999", "NaN", "null", "true", "[]", "{}", "*", "\\", `"`, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
		"2024-02-30T25:61:00Z", "-infinity", "10000-01-01T00:00:00Z", "290000h", "@every 1ns", "http://127.0.0.1:1/a.csv")
}

// oddJSON returns a JSON value that few expect; some are no JSON.
func (g *generator) oddJSON() json.RawMessage {
	const tooDeep = 12_000
	return json.RawMessage(one(g.random, "null", "true", "-1", "0", "0.5", "-0", "1e300", "1e999", "-1e999", "9223372036854775807",
		"9223372036854775808", "123456789012345678901234567890", `"\ud800"`, `"\u0000"`, "\"\xff\xfe\"", "[]", "{}", "[null]",
		`{"a":1,"a":2}`, `{"":{}}`, `{"__proto__":{"a":1}}`, strings.Repeat(`{"a":`, 200)+"1"+strings.Repeat("}", 200),
		strings.Repeat("[", tooDeep)+strings.Repeat("]", tooDeep), "[1,]", "'a'", "+1", "01", "\ufeff1", "// 1", g.quoted(g.oddText())))
}

// quoted returns a text as a JSON string, as it is but for control characters, quotes and backslashes.
func (*generator) quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		}
		b.WriteByte(text[i])
	}
	b.WriteByte('"')
	return b.String()
}

// scalar returns a text of a schema: that of a parameter, or of a JSON value without its quotes.
func (g *generator) scalar(name string, s *huma.Schema) string {
	if known := g.known[name]; len(known) > 0 && (g.wild == 0 || !g.chance(4)) {
		return one(g.random, known...)
	}
	if len(s.Enum) > 0 && !g.odd() {
		return fmt.Sprint(one(g.random, s.Enum...))
	}
	switch s.Type {
	case huma.TypeInteger, huma.TypeNumber:
		numbers := []float64{0, 1, 2, -1, 60, 1 << 31, 1 << 40}
		for _, limit := range []*float64{s.Minimum, s.Maximum} {
			if limit != nil {
				numbers = append(numbers, *limit-1, *limit, *limit, *limit+1)
			}
		}
		if g.wild == 0 {
			low, high := 1.0, 3.0
			if s.Minimum != nil {
				low, high = *s.Minimum, *s.Minimum+2
			}
			if s.Maximum != nil {
				high = min(high, *s.Maximum)
			}
			numbers = []float64{low, high}
		}
		if s.Type == huma.TypeNumber {
			numbers = append(numbers, 0.5)
		}
		return fmt.Sprintf("%g", one(g.random, numbers...))
	case huma.TypeBoolean:
		return one(g.random, "true", "false")
	default:
		return g.plainText(s)
	}
}

// plainText returns a text that fits a schema, or is at or just beyond its limits.
func (g *generator) plainText(s *huma.Schema) string {
	if s.Format == "date-time" && g.wild == 0 {
		return one(g.random, "2024-01-01T00:00:00Z", "2024-01-02T00:00:00+14:00", "2030-01-01T00:00:00Z")
	}
	if s.Format == "date-time" {
		return one(g.random, "2024-01-01T00:00:00Z", "1970-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z",
			"9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "2024-01-01")
	}
	if s.MaxLength != nil && g.odd() {
		return strings.Repeat("é", one(g.random, *s.MaxLength, *s.MaxLength+1))
	}
	return one(g.random, "a", "noop", "nightly", "UTC", "0 3 * * *", "x y", "1h", "2024-01-01", "2024-01-01T00:00:00Z")
}

// parameter returns the value of a parameter.
func (g *generator) parameter(p *huma.Param) string {
	s := g.resolved(p.Schema)
	if g.odd() {
		return g.oddText()
	}
	if p.Name == "after" {
		return g.cursor()
	}
	if s.Type != huma.TypeArray {
		return g.scalar(p.Name, s)
	}
	var list []string
	for range g.length(s) {
		list = append(list, g.scalar(p.Name, g.resolved(s.Items)))
	}
	return strings.Join(list, ",")
}

// cursor returns the cursor of a page: its form is opaque to clients, and known to attackers.
func (g *generator) cursor() string {
	of := one(g.random, slices.Sorted(maps.Keys(seenCursors))...)
	key, err := json.Marshal(g.oddText())
	if err != nil || g.chance(2) {
		key = g.oddJSON()
	}
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"v":1,"o":%q,"k":%s}`, of, key))
}

// seenCursors are operations that list.
var seenCursors = map[string]bool{
	"list-imports": true, "list-jobs": true, "list-events": true, "list-schedules": true, "list-sites": true, "list-audit": true,
	"list-syncs": true, "list-tokens": true, "list-parts": true, "list-feedback": true,
}

// checkTimeout is how long a request waits for a worker, of which there is none.
const checkTimeout = "check_timeout_seconds"

// length returns the length of a list of a schema.
func (g *generator) length(s *huma.Schema) int {
	if s.MaxItems != nil && g.odd() {
		return min(*s.MaxItems, 300) + g.random.IntN(2)
	}
	return 1 + g.random.IntN(2)
}

func (g *generator) resolved(s *huma.Schema) *huma.Schema {
	if s.Ref != "" {
		return g.registry.SchemaFromRef(s.Ref)
	}
	return s
}

// value returns a JSON value for the field of a schema.
func (g *generator) value(name string, s *huma.Schema, depth int) json.RawMessage {
	s = g.resolved(s)
	if name == checkTimeout {
		return json.RawMessage(one(g.random, "0", "0.001"))
	}
	if g.odd() || depth > 5 {
		return g.oddJSON()
	}
	switch s.Type {
	case huma.TypeObject:
		return g.object(s, depth)
	case huma.TypeArray:
		var list [][]byte
		for range g.length(s) {
			list = append(list, g.value(name, s.Items, depth+1))
		}
		return slices.Concat([]byte{'['}, bytes.Join(list, []byte{','}), []byte{']'})
	case huma.TypeInteger, huma.TypeNumber, huma.TypeBoolean:
		return json.RawMessage(g.scalar(name, s))
	case huma.TypeString:
		return json.RawMessage(g.quoted(g.scalar(name, s)))
	default:
		if known := g.known[name]; len(known) > 0 {
			return json.RawMessage(g.quoted(one(g.random, known...)))
		}
		return g.oddJSON()
	}
}

// object returns an object, sometimes with an unknown field or with one twice.
func (g *generator) object(s *huma.Schema, depth int) json.RawMessage {
	var fields [][]byte
	add := func(name string, value json.RawMessage) {
		fields = append(fields, slices.Concat([]byte(g.quoted(name)), []byte{':'}, value))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains(s.Required, name) && !g.odd() || name == checkTimeout || g.chance(3) {
			add(name, g.value(name, s.Properties[name], depth+1))
		}
	}
	if of, free := s.AdditionalProperties.(*huma.Schema); free {
		for range g.random.IntN(4) {
			name := one(g.random, "rows", "paths", "url", "signing_secret", "latest_timestamp")
			if g.odd() {
				name = g.oddText()
			}
			add(name, g.value(name, of, depth+1))
		}
	}
	if g.odd() {
		add(one(g.random, "colour", "", g.oddText()), g.oddJSON())
	}
	if len(fields) > 0 && g.odd() {
		fields = append(fields, one(g.random, fields...))
	}
	return slices.Concat([]byte{'{'}, bytes.Join(fields, []byte{','}), []byte{'}'})
}

// body returns a body of a schema, sometimes a part of one.
func (g *generator) body(s *huma.Schema) []byte {
	body := g.value("", s, 0)
	if !g.odd() {
		return body
	}
	return one(g.random, body[:g.random.IntN(len(body)+1)], append(body, g.oddJSON()...), []byte(g.text))
}

// segment returns a text as a segment of a path. Those that a browser resolves are spelled out.
func segment(text string) string {
	switch text {
	case "", ".", "..":
		return "%2E%2E"
	default:
		return url.PathEscape(text)
	}
}
