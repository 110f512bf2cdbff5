package inbound

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Unknown is the placeholder of a value that is not known yet.
type Unknown struct{}

// Fault is an error in a field of a partly known object.
type Fault struct {
	// Path names the field, such as "row.tags[1]"; "" is the object itself.
	Path string
	// Name means that the field's name is invalid, not its value.
	Name bool
	Err  error
}

// Partial validates the known part of an object against the struct that into points to, by the
// rules of Decode. It returns every fault. Values have the types of encoding/json, with json.Number
// for numbers, or are Unknown.
func Partial(s Subject, object map[string]any, into any) []Fault {
	p := partial{walker: walker{subject: s}}
	p.value(object, reflect.TypeOf(into), "")
	return p.faults
}

type partial struct {
	walker
	faults []Fault
}

func (p *partial) value(value any, t reflect.Type, path string) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, unknown := value.(Unknown); unknown || t == nil || takesAnything(t) {
		return
	}
	token := json.Token(value)
	switch value.(type) {
	case map[string]any:
		token = json.Delim('{')
	case []any:
		token = json.Delim('[')
	}
	if err := p.fits(token, t, path); err != nil {
		p.faults = append(p.faults, Fault{Path: path, Err: err})
		return
	}
	if decodesItself(t) {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		p.object(v, t, path)
	case []any:
		for i, item := range v {
			p.value(item, t.Elem(), path+"["+strconv.Itoa(i)+"]")
		}
	}
}

func (p *partial) object(object map[string]any, t reflect.Type, path string) {
	known, named := fieldsOf(t)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		inner := join(path, name)
		of, isKnown := known[name]
		if named && !isKnown {
			p.faults = append(p.faults, Fault{Path: inner, Name: true, Err: p.unknown(inner, path, known)})
			continue
		}
		if !named {
			of.of = t.Elem()
		}
		p.value(object[name], of.of, inner)
	}
	for _, name := range names(known) {
		if _, given := object[name]; known[name].required && !given {
			err := fmt.Errorf("%s %s is required", p.subject.Field, quote(join(path, name)))
			p.faults = append(p.faults, Fault{Path: path, Err: err})
		}
	}
}
