package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/inbound"
)

// unknown is a part of a mapping that depends on the event.
var unknown = inbound.Unknown{}

// check refuses a mapping whose result the action refuses for every event: a name that its data
// do not have, a constant of another type, a required field that is not there, and constants
// that Marshal refuses. known is the mapping with its constants evaluated. Actions that are no
// destinations.WithData are not checked.
//
//nolint:contextcheck,nolintlint // Marshal does no I/O; contextcheck reports callers
func (c *compiler) check(f *Flow, path string, s step, known any) {
	action, described := s.action.(destinations.WithData)
	object, isObject := known.(map[string]any)
	if !c.strict || !described || !isObject {
		return
	}
	faults := inbound.Partial(inbound.Subject{Object: "the data", Field: "field"}, object, action.Data())
	for _, fault := range faults {
		at, place := path, f.place
		if fault.Path != "" {
			at += "." + fault.Path
		}
		if fault.Name {
			place = f.placeOfName
		}
		c.faults = append(c.faults, fmt.Errorf("%s: %w", place(at), fault.Err))
	}
	if len(faults) > 0 || !complete(object) {
		return
	}
	data, err := json.Marshal(object)
	if err == nil {
		e := destinations.Event{Version: s.Version, Data: data}
		_, _, err = destinations.MakeJob(
			context.Background(), &destinations.Toolkit{}, &destinations.Versions{}, s.destination, s.action, e)
	}
	if err != nil {
		c.fault(f, path, "%s", err)
	}
}

// complete says whether no part of a value is unknown.
func complete(value any) bool {
	switch v := value.(type) {
	case inbound.Unknown:
		return false
	case []any:
		for _, item := range v {
			if !complete(item) {
				return false
			}
		}
	case map[string]any:
		for _, item := range v {
			if !complete(item) {
				return false
			}
		}
	}
	return true
}

// known returns what a part of a mapping gives for every event, and notes a fault if it fails for
// every event.
func (c *compiler) known(f *Flow, path string, evaluate func() (any, error)) any {
	value, err := evaluate()
	if err != nil {
		c.fault(f, path, "%s", err)
		return unknown
	}
	return value
}

// constant evaluates an expression that is the same for every event; others are unknown. An
// error means that it fails for every event.
func constant(text string, program *vm.Program) (any, error) {
	tree, err := parser.Parse(text)
	if err != nil {
		return unknown, nil //nolint:nilerr // the expression is compiled: its faults are reported there
	}
	c := constancy{constant: true}
	ast.Walk(&tree.Node, &c)
	if !c.constant {
		return unknown, nil
	}
	result, err := run(program, Env{})
	if err != nil {
		return unknown, err
	}
	return asJSON(result)
}

// constancy says whether an expression is a constant: nothing in it is a name or a call.
type constancy struct{ constant bool }

// Visit looks at one node.
func (c *constancy) Visit(node *ast.Node) { //nolint:gocritic // ptrToRefParam: the interface wants it
	switch (*node).(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.UnaryNode, *ast.BinaryNode,
		*ast.ConditionalNode, *ast.ArrayNode, *ast.MapNode, *ast.PairNode, *ast.ChainNode, *ast.MemberNode, *ast.SliceNode:
	default:
		c.constant = false
	}
}

var errNoJSON = errors.New("the value cannot be written as JSON")

// asJSON returns a value with the types that inbound.Partial takes.
func asJSON(value any) (any, error) {
	text, err := json.Marshal(value)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var same any
	if err != nil || decoder.Decode(&same) != nil {
		return unknown, errNoJSON
	}
	return same, nil
}
