package flow

import (
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// metering patches an expression so that whatever makes a value counts it. It does not
// change what the expression gives.
type metering struct{}

var _ ast.Visitor = metering{}

// makers are the functions with a predicate that make a list or an object. The others give a
// part of their argument, a number or a truth.
var makers = []string{"filter", "map", "groupBy", "sortBy"}

// Visit patches a node, after those inside it.
func (metering) Visit(node *ast.Node) { //nolint:gocritic // ptrToRefParam: the interface wants it
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		switch {
		case n.Operator == "+" && !isNumber(n.Type()), n.Operator == "..":
			wrap(node, nameCharge)
		case n.Operator == "matches":
			if _, constant := n.Right.(*ast.StringNode); !constant {
				wrap(&n.Right, namePattern)
			}
		}
	case *ast.ArrayNode, *ast.MapNode:
		wrap(node, nameCharge)
	case *ast.PredicateNode:
		wrap(&n.Node, nameStep)
	case *ast.BuiltinNode:
		id, known := builtin.Index[n.Name]
		switch {
		case known && !builtin.Builtins[id].Predicate:
			call := &ast.CallNode{
				Callee:    &ast.IdentifierNode{Value: nameCall},
				Arguments: append([]ast.Node{&ast.StringNode{Value: n.Name}}, n.Arguments...),
			}
			ast.Patch(node, call)
		case slices.Contains(makers, n.Name):
			wrap(node, nameCharge)
		}
	}
}

// wrap gives a node's value to a function that gives it back.
func wrap(node *ast.Node, function string) { //nolint:gocritic // ptrToRefParam: it patches what holds the node
	call := &ast.CallNode{Callee: &ast.IdentifierNode{Value: function}, Arguments: []ast.Node{*node}}
	ast.Patch(node, call)
}

func isNumber(t reflect.Type) bool {
	if t == nil {
		return false
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return true
	default:
		return false
	}
}
