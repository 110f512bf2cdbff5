package inbound_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/inbound"
)

type common struct {
	By string `json:"by,omitempty"`
}

type command struct {
	common
	Part  int32             `json:"part" required:"true"`
	Rate  float64           `json:"rate,omitempty"`
	Count uint8             `json:"count,omitempty"`
	On    *bool             `json:"on,omitempty"`
	At    time.Time         `json:"at,omitzero"`
	List  []deep            `json:"list,omitempty"`
	Map   map[string]string `json:"map,omitempty"`
	Any   any               `json:"any,omitempty"`
	Raw   json.RawMessage   `json:"raw,omitempty"`
	Inner int               `json:"-"`
}

type deep struct {
	Name string `json:"name" required:"true"`
}

var subject = inbound.Subject{Object: "the argument", Field: "field"}

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		` {"part": 1} `: "",
		`{"by": "ann", "part": 1, "rate": 1e3, "on": true, "list": [{"name": "x"}], "map": {"a": "b"}}`: "",
		`{"part": 0, "any": null, "raw": {"x": [null, 1e999, {"y": 1}]}}`:                               "",
		`{"part": 0, "at": "2026-01-02T03:04:05Z"}`:                                                     "",
		``:                                "the argument is not a JSON object",
		` `:                               "the argument is not a JSON object",
		`null`:                            "the argument is not a JSON object",
		`[{"part": 1}]`:                   "the argument is not a JSON object",
		`"x" {}`:                          "the argument is not a JSON object",
		`{"part": 1`:                      "the argument is not valid JSON",
		`{"part": NaN}`:                   "the argument is not valid JSON",
		"{\"part\": 1, \"by\": \"\xff\"}": "the argument is not valid JSON: want UTF-8",
		`{"part": 1} {"part": 2}`:         "unexpected text after the JSON object of the argument",
		`{}`:                              `field "part" is required`,
		`{"prat": 2}`:                     `unknown field "prat": the fields are by, part, rate, count, on, at, list, map, any, raw`,
		`{"Part": 2}`:                     `unknown field "Part": the fields are by, part, rate, count, on, at, list, map, any, raw`,
		`{"Inner": 2}`:                    `unknown field "Inner": the fields are by, part, rate, count, on, at, list, map, any, raw`,
		`{"part": null}`:                  `field "part": want a whole number, got null`,
		`{"part": 1, "by": null}`:         `field "by": want a string, got null`,
		`{"part": 1, "on": null}`:         `field "on": want true or false, got null`,
		`{"part": 1, "list": null}`:       `field "list": want a list, got null`,
		`{"part": 1, "at": null}`:         `field "at": want a value, got null`,
		`{"part": 1, "part": 2}`:          `field "part" is given twice`,
		`{"part": 1, "map": {"a": "b", "a": "c"}}`:           `field "map.a" is given twice`,
		`{"part": 1, "map": {"a": 7}}`:                       `field "map.a": want a string, got a number`,
		`{"part": 1, "raw": {"a": [{"b": 1, "b": 2}]}}`:      `field "raw.a[0].b" is given twice`,
		`{"part": 1, "any": {"a": 1, "\u0061": 2}}`:          `field "any.a" is given twice`,
		`{"part": 1, "list": [{"name": "x"}, {"nam": "x"}]}`: `unknown field "list[1].nam": those of "list[1]" are name`,
		`{"part": 1, "list": [{}]}`:                          `field "list[0].name" is required`,
		`{"part": 1, "list": [[]]}`:                          `field "list[0]": want an object, got an array`,
		`{"part": "hunter2"}`:                                `field "part": want a whole number, got a string`,
		`{"part": 1.5}`:                                      `field "part": want a whole number, got a number`,
		`{"part": 3000000000}`:                               `field "part": the number is too large: want -2147483648 to 2147483647`,
		`{"part": 1, "count": 256}`:                          `field "count": the number is too large: want 0 to 255`,
		`{"part": 1, "rate": 1e309}`:                         `field "rate": the number is too large: want at most 1.7976931348623157e+308`,
		`{"part": 1, "rate": "NaN"}`:                         `field "rate": want a number, got a string`,
		`{"part": 1, "any": 1e999}`:                          `field "any": want a number`,
		`{"part": 1, "at": "yesterday"}`:                     `the argument is not valid: parsing time "yesterday"`,
		`{"` + strings.Repeat("x", 1000) + `": 1}`:           `unknown field "` + strings.Repeat("x", 97) + `...": the fields are`,
		`{"part": 1, "any": ` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`: "the argument is nested too deeply",
	} {
		var c command
		err := inbound.Decode(subject, []byte(text), &c)
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hunter2")
		require.Less(t, len(err.Error()), 500, text)
	}
}

func TestDecodeNothing(t *testing.T) {
	t.Parallel()
	require.NoError(t, inbound.Decode(subject, []byte(`{}`), &struct{}{}))
	require.EqualError(t, inbound.Decode(subject, []byte(`{"a": 1}`), &struct{}{}), `unknown field "a": want none`)
	quiet := inbound.Subject{Object: "the settings", Plural: true, Field: "setting", Quiet: true}
	require.EqualError(t, inbound.Decode(quiet, []byte(`{"part": 1, "at": "hunter2"}`), &command{}),
		"the settings are not valid: the value of a setting is invalid")
}

// FuzzDecode: what is read is JSON that encoding/json reads, too, and is written as the same
// value again; no input makes it panic, and no error is long.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"part": 1}`, `{"prat": 2}`, `null`, `{"part": 1} x`, `{"part": 1, "any": {"a": [1, null]}}`, `{"PART": 1}`,
		`{"part": 1e400}`, `{"part": 1, "list": [{"name": "x"}]}`, `{"part": 1, "at": "x"}`, `{"part":1,"\u0070art":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c command
		if err := inbound.Decode(subject, data, &c); err != nil {
			if len(err.Error()) > 2000 && !strings.Contains(err.Error(), "parsing time") {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		var all map[string]any
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.UseNumber()
		if err := dec.Decode(&all); err != nil {
			t.Fatalf("%q was read and is not JSON: %s", data, err)
		}
		if _, there := all["part"]; !there {
			t.Fatalf("%q was read without part", data)
		}
	})
}

func TestText(t *testing.T) {
	t.Parallel()
	clean, err := inbound.Text("reason", " one\r\ntwo\tthree\x1b[2J\x00\u202e\u0085\xff ", 100)
	require.NoError(t, err)
	require.Equal(t, "one  two three[2J\uFFFD", clean)
	_, err = inbound.Text("reason", strings.Repeat("<", 20), 100)
	require.EqualError(t, err, "reason has 120 bytes in JSON: want at most 100")
	_, err = inbound.Text("reason", strings.Repeat("x", 100), 100)
	require.NoError(t, err)
}

func TestCut(t *testing.T) {
	t.Parallel()
	require.Equal(t, "short", inbound.Cut("short", 10))
	require.Equal(t, "<...", inbound.Cut("<<<<", 10))
	require.Equal(t, "ää...", inbound.Cut("äääääää", 8))
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	require.Equal(t, "short", inbound.Prefix("short", 5))
	require.Equal(t, "<<<", inbound.Prefix("<<<<", 3))
	require.Equal(t, "ää", inbound.Prefix("äää", 5))
	require.Equal(t, "a\uFFFD", inbound.Prefix("a\xffb", 4))
}

// FuzzText: sizes are those of encoding/json; what is accepted is within its limit and has no
// control characters.
func FuzzText(f *testing.F) {
	f.Add("a\x00b\u202e<")
	f.Add("\"\\\b\f\n\r\t\x1f\x7f<>&\u2028\u2029\xff\ufffd\U0001F600")
	f.Fuzz(func(t *testing.T, text string) {
		encoded, err := json.Marshal(text)
		if size := inbound.EncodedSize(text); err != nil || size != len(encoded)-len(`""`) {
			t.Fatalf("%q: %d bytes, as JSON %s (%v)", text, size, encoded, err)
		}
		clean, err := inbound.Text("text", text, 50)
		if err == nil && (inbound.EncodedSize(clean) > 50 || inbound.Clean(clean) != clean) {
			t.Fatalf("%q became %q", text, clean)
		}
		if cut := inbound.Cut(text, 50); inbound.EncodedSize(cut) > 50 {
			t.Fatalf("%q was cut to %q", text, cut)
		}
	})
}

func TestCutLines(t *testing.T) {
	t.Parallel()
	faults := "first fault\nsecond fault\nthird fault"
	require.Equal(t, faults, inbound.CutLines(faults, 100))
	require.Equal(t, "first fault\nand 2 more", inbound.CutLines(faults, 30))
	require.Equal(t, "fir...\nand 2 more", inbound.CutLines(faults, 18))
	require.Equal(t, "abc...", inbound.CutLines("abcdefgh", 6))
}

// FuzzCutLines: a list that is cut has whole lines, and says how many are left out.
func FuzzCutLines(f *testing.F) {
	f.Add("one\ntwo\nthree", 20)
	f.Add("<<<<\n\xff\n\n", 30)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 50 + max(0, limit%1000)
		cut := inbound.CutLines(text, limit)
		if inbound.EncodedSize(cut) > limit {
			t.Fatalf("%q was cut to %q, beyond %d", text, cut, limit)
		}
	})
}

// Partial finds what Decode finds, and everything at once, in what is known.
func TestPartial(t *testing.T) {
	t.Parallel()
	what := inbound.Unknown{}
	for name, test := range map[string]struct {
		object map[string]any
		want   []string
	}{
		"all unknown": {map[string]any{"part": what, "list": what, "map": what, "at": what}, nil},
		"all well": {map[string]any{
			"part": json.Number("1"), "list": []any{what, map[string]any{"name": what}}, "map": map[string]any{"a": what, "b": "x"},
			"at": "2026-01-02T03:04:05Z", "any": nil, "raw": []any{nil}, "on": true,
		}, nil},
		"wrong": {map[string]any{
			"count": json.Number("256"), "list": []any{map[string]any{}, map[string]any{"name": nil}}, "map": map[string]any{"a": true},
			"prat": what, "by": []any{}, "at": nil,
		}, []string{
			`at: field "at": want a value, got null`, `by: field "by": want a string, got an array`,
			`count: field "count": the number is too large: want 0 to 255`, `list[0]: field "list[0].name" is required`,
			`list[1].name: field "list[1].name": want a string, got null`, `map.a: field "map.a": want a string, got true or false`,
			`prat: unknown field "prat": the fields are by, part, rate, count, on, at, list, map, any, raw`, `: field "part" is required`,
		}},
	} {
		var got []string
		for _, fault := range inbound.Partial(subject, test.object, &command{}) {
			require.Equal(t, fault.Path == "prat", fault.Name)
			got = append(got, fault.Path+": "+fault.Err.Error())
		}
		require.Equal(t, test.want, got, name)
	}
}
