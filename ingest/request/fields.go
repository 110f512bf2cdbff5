package request

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// fields are the members of a body that an event has, each once. Values of forms are JSON strings.
type fields []member

// fieldNames are the names of the members that an event has.
var fieldNames = map[string]bool{
	"n": true, "name": true, "u": true, "url": true, "d": true, "domain": true, "r": true, "referrer": true,
	"m": true, "meta": true, "p": true, "props": true, "$": true, "revenue": true, "i": true, "interactive": true,
	"h": true, "hashMode": true, "v": true, "sd": true, "e": true, FieldTimestamp: true, "ip": true, "user_agent": true,
}

// set sets a member, unless an event has none of its name.
func (f *fields) set(name string, value json.RawMessage) {
	if !fieldNames[name] {
		return
	}
	for i := range *f {
		if (*f)[i].key == name {
			(*f)[i].value = value
			return
		}
	}
	*f = append(*f, member{name, value})
}

// get returns the value of a member, or nil.
func (f fields) get(name string) json.RawMessage {
	for i := range f {
		if f[i].key == name {
			return f[i].value
		}
	}
	return nil
}

// readFields reads a body: a form if its content type says so, else JSON, whatever the
// content type. Trackers send JSON as text/plain, which needs no preflight; `curl -d` calls JSON a form,
// which no form of an event can be that begins with a brace.
func readFields(contentType string, body []byte) (fields, Errors) {
	if len(body) > MaxBody {
		return nil, TooLarge()
	}
	if !utf8.Valid(body) {
		return nil, Errors{FieldRequest: {textUnparsable}}
	}
	object := bytes.Trim(body, space)
	isObject := len(object) > 0 && object[0] == '{'
	if contentType != "" && contentType != typeText {
		// A content type that cannot be read is no form.
		kind, params, err := mime.ParseMediaType(contentType)
		if err == nil && kind == "application/x-www-form-urlencoded" && !isObject {
			if form, err := url.ParseQuery(string(body)); err == nil {
				return formFields(form), nil
			}
			return nil, Errors{FieldRequest: {textUnparsable}}
		}
		if err == nil && kind == "multipart/form-data" {
			return multipartFields(body, params["boundary"])
		}
	}
	if depth(object) > MaxDepth {
		return nil, Errors{FieldRequest: {textDepth}}
	}
	if !isObject || !json.Valid(object) {
		return nil, Errors{FieldRequest: {textUnparsable}}
	}
	f := make(fields, 0, usualFields)
	walkObject(object, f.set)
	return f, nil
}

const (
	// space are the characters that JSON allows between values.
	space = " \t\r\n"
	// typeText is the content type of most trackers.
	typeText = "text/plain"
	// usualFields is what most events have at most.
	usualFields = 8
)

// depth is the deepest nesting of a JSON text. It is only right for a valid one.
func depth(body []byte) int {
	var now, deepest int
	inString := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

func multipartFields(body []byte, boundary string) (fields, Errors) {
	broken := Errors{FieldRequest: {textUnparsable}}
	if boundary == "" {
		return nil, broken
	}
	form := url.Values{}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextPart()
		if err == io.EOF { //nolint:errorlint // a body that is cut wraps it
			return formFields(form), nil
		}
		if err != nil {
			return nil, broken
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, broken
		}
		if part.FileName() == "" {
			form.Add(part.FormName(), string(value))
		}
	}
}

// formFields turns a form into fields: "props[key]=value" is a member of the object props.
func formFields(form url.Values) fields {
	var f fields
	nested := map[string]map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(form)) {
		values := form[key]
		value := strings.ToValidUTF8(values[len(values)-1], "\uFFFD")
		if name, rest, ok := strings.Cut(key, "["); ok && strings.HasSuffix(rest, "]") {
			if nested[name] == nil {
				nested[name] = map[string]string{}
			}
			nested[name][strings.TrimSuffix(rest, "]")] = value
			continue
		}
		f.set(key, encode(value))
	}
	for name, object := range nested {
		f.set(name, encode(object))
	}
	return f
}

// encode returns the JSON of strings and of maps of strings, which always have one.
func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("request: encode a form's value: " + err.Error())
	}
	return raw
}

// first returns the first of the members that is there and not null.
func (f fields) first(names ...string) json.RawMessage {
	for _, name := range names {
		if raw := f.get(name); len(raw) > 0 && string(raw) != "null" {
			return raw
		}
	}
	return nil
}

// text returns a JSON string's text. It is false for another value.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// scalar returns the text of a string, a number or a boolean. It is false for null, a list
// or an object.
func scalar(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || raw[0] == 'n' {
		return "", false
	}
	if raw[0] == '"' {
		return text(raw)
	}
	return string(raw), true
}

// member is a name and a value of an object.
type member struct {
	key   string
	value json.RawMessage
}

// members returns the members of an object, or of a string that holds one, in their order.
// It is nil for another value.
func members(raw json.RawMessage) []member {
	if inner, ok := text(raw); ok {
		raw = bytes.Trim([]byte(inner), space)
		if depth(raw) > MaxDepth || !json.Valid(raw) {
			return nil
		}
	}
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var list []member
	walkObject(raw, func(name string, value json.RawMessage) { list = append(list, member{name, value}) })
	return list
}
