package inbound

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// walker compares the tokens of valid JSON with Go types.
type walker struct {
	subject Subject
	dec     *json.Decoder
}

// value reads the next value for type t; a nil type accepts any value.
func (w *walker) value(t reflect.Type, path string, depth int) error {
	token, err := w.dec.Token()
	if err != nil {
		return errSyntax
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && !takesAnything(t) {
		if err := w.fits(token, t, path); err != nil {
			return err
		}
	}
	if t != nil && decodesItself(t) {
		t = nil
	}
	delim, nested := token.(json.Delim)
	switch {
	case !nested:
		return nil
	case depth >= MaxDepth:
		return fmt.Errorf("%s nested too deeply: want at most %d levels of objects and lists",
			w.subject.be(), MaxDepth)
	case delim == '{':
		return w.object(t, path, depth)
	default:
		return w.list(t, path, depth)
	}
}

// object reads the fields of an object and its end.
func (w *walker) object(t reflect.Type, path string, depth int) error {
	known, named := fieldsOf(t)
	seen := map[string]bool{}
	for w.dec.More() {
		token, err := w.dec.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return errSyntax
		}
		inner := join(path, name)
		field, isKnown := known[name]
		switch {
		case seen[name]:
			return fmt.Errorf("%s %s is given twice", w.subject.Field, quote(inner))
		case named && !isKnown:
			return w.unknown(inner, path, known)
		}
		seen[name] = true
		if t != nil && t.Kind() == reflect.Map {
			field.of = t.Elem()
		}
		if err := w.value(field.of, inner, depth+1); err != nil {
			return err
		}
	}
	if _, err := w.dec.Token(); err != nil {
		return errSyntax
	}
	for _, name := range names(known) {
		if known[name].required && !seen[name] {
			return fmt.Errorf("%s %s is required", w.subject.Field, quote(join(path, name)))
		}
	}
	return nil
}

func (w *walker) list(t reflect.Type, path string, depth int) error {
	var element reflect.Type
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		element = t.Elem()
	}
	for i := 0; w.dec.More(); i++ {
		if err := w.value(element, path+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
			return err
		}
	}
	if _, err := w.dec.Token(); err != nil {
		return errSyntax
	}
	return nil
}

// unknown returns the error for an unknown field, with the valid names.
func (w *walker) unknown(inner, path string, known map[string]field) error {
	switch {
	case len(known) == 0:
		return fmt.Errorf("unknown %s %s: want none", w.subject.Field, quote(inner))
	case path == "":
		return fmt.Errorf("unknown %s %s: the %ss are %s", w.subject.Field, quote(inner), w.subject.Field,
			strings.Join(names(known), ", "))
	default:
		return fmt.Errorf("unknown %s %s: those of %s are %s", w.subject.Field, quote(inner), quote(path),
			strings.Join(names(known), ", "))
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// maxQuoted is the length limit of a field's name in an error, in bytes of JSON.
const maxQuoted = 100

func quote(name string) string {
	return strconv.Quote(Cut(name, maxQuoted))
}

// names returns the names of fields, sorted.
func names(known map[string]field) []string {
	return slices.SortedFunc(maps.Keys(known), func(a, b string) int { return known[a].no - known[b].no })
}
