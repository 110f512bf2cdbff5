package flow

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Parse reads a file of flows:
//
//	flows:
//	  - name: paid-orders
//	    from: {source: shop, event: order.*}
//	    when: data.total > 10
//	    to:
//	      - destination: webhook
//	        action: post
//	        data: {connection: '"ops"', type: name, data: data}
//
// What stands for source and event may be {import: csv, event: import.failed} or
// {import: csv, records: true} instead.
//
// It reports every fault at once, each with file:line:column. Expressions are left to
// Compile.
func Parse(file string, text []byte) (flows []Flow, err error) {
	if len(text) > MaxFile {
		return nil, fmt.Errorf("%s has %d bytes: want at most %d", file, len(text), MaxFile)
	}
	// Recover panics: the parser is a library, and its input is untrusted.
	defer func() {
		if p := recover(); p != nil {
			flows, err = nil, fmt.Errorf("%s cannot be parsed: want valid YAML", file)
		}
	}()
	r := &reader{origin: &origin{
		file: file, lines: strings.Split(string(text), "\n"), at: map[string]position{}, names: map[string]position{},
	}}
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, r.syntaxFault(err)
	}
	for i, doc := range parsed.Docs {
		if i > 0 && doc.Body != nil {
			r.fault(doc.Body, "a second document: want a single one")
			break
		}
		if doc.Body != nil {
			flows = r.file(doc.Body)
		}
	}
	return flows, errors.Join(r.faults...)
}

// reader reads the syntax tree of a file.
type reader struct {
	*origin
	faults []error
}

func (r *reader) fault(node ast.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s: %s", r.write(positionOf(node)), fmt.Sprintf(format, args...)))
}

// syntaxPlace is how the parser says where it has stopped.
var syntaxPlace = regexp.MustCompile(`^\[(\d+):(\d+)\] ([^\n]*)`)

func (r *reader) syntaxFault(err error) error {
	if m := syntaxPlace.FindStringSubmatch(yaml.FormatError(err, false, false)); m != nil {
		return fmt.Errorf("%s:%s:%s: %s", r.origin.file, m[1], m[2], m[3])
	}
	return fmt.Errorf("%s cannot be read: it is not YAML", r.origin.file)
}

// file reads the whole document.
func (r *reader) file(body ast.Node) (flows []Flow) {
	r.object(body, "", map[string]func(ast.Node, string){
		"flows": func(node ast.Node, path string) {
			for i, item := range r.list(node) {
				flows = append(flows, r.flow(item, fmt.Sprintf("%s[%d]", path, i)))
			}
		},
	})
	if len(flows) > MaxFlows {
		r.fault(body, "there are %d flows: want at most %d", len(flows), MaxFlows)
	}
	return flows
}

func (r *reader) flow(node ast.Node, path string) Flow {
	f := Flow{origin: r.origin, path: path}
	enabled := true
	r.object(node, path, map[string]func(ast.Node, string){
		"name": r.text(&f.Name), "description": r.text(&f.Description), "when": r.text(&f.When),
		"enabled": r.truth(&enabled),
		"from": func(node ast.Node, path string) {
			r.object(node, path, map[string]func(ast.Node, string){
				"source": r.text(&f.Source), "event": r.text(&f.Event), "import": r.pattern(&f.Import),
				"records": r.truth(&f.Records),
			})
		},
		"to": func(node ast.Node, path string) {
			for i, item := range r.list(node) {
				f.To = append(f.To, r.step(item, fmt.Sprintf("%s[%d]", path, i)))
			}
		},
	})
	f.Disabled = !enabled
	return f
}

func (r *reader) step(node ast.Node, path string) (s Step) {
	mapping := func(into *map[string]any) func(ast.Node, string) {
		return func(node ast.Node, path string) {
			if value, ok := r.value(node, path, 0).(map[string]any); ok {
				*into = value
				return
			}
			r.fault(node, "want fields with expressions, such as {id: data.id}")
		}
	}
	r.object(node, path, map[string]func(ast.Node, string){
		"destination": r.text(&s.Destination), "action": r.text(&s.Action), "version": r.text(&s.Version),
		"when": r.text(&s.When), "data": mapping(&s.Data), "context": mapping(&s.Context),
	})
	return s
}
