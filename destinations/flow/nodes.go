package flow

import (
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// entries returns the pairs of an object; ok is false, and the fault noted, if it is none.
func (r *reader) entries(node ast.Node) (pairs []*ast.MappingValueNode, ok bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		r.fault(node, "anchors, aliases and tags are not for here: write it out")
	default:
		r.fault(node, "want an object, with a name and a colon on each line")
	}
	return nil, false
}

// key returns the name of a pair, and notes a fault if it is none or comes twice.
func (r *reader) key(pair *ast.MappingValueNode, seen map[string]bool) (string, bool) {
	name, ok := pair.Key.(*ast.StringNode)
	if !ok {
		r.fault(pair.Key, "want a name")
		return "", false
	}
	if seen[name.Value] {
		r.fault(pair.Key, "%q is there twice", name.Value)
		return "", false
	}
	seen[name.Value] = true
	return name.Value, true
}

// object reads an object whose fields are known.
func (r *reader) object(node ast.Node, path string, fields map[string]func(ast.Node, string)) {
	r.at[path] = positionOf(node)
	pairs, _ := r.entries(node)
	seen := map[string]bool{}
	for _, pair := range pairs {
		name, ok := r.key(pair, seen)
		if !ok {
			continue
		}
		read, known := fields[name]
		if !known {
			r.fault(pair.Key, "there is no field %q: the fields are %s", name,
				strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
			continue
		}
		inner := strings.TrimPrefix(path+"."+name, ".")
		r.at[inner] = positionOf(pair.Value)
		read(pair.Value, inner)
	}
}

// list returns the items of a list.
func (r *reader) list(node ast.Node) []ast.Node {
	items, ok := node.(*ast.SequenceNode)
	if !ok {
		r.fault(node, "want a list, with a dash before each item")
		return nil
	}
	return items.Values
}

// text returns what reads a text.
func (r *reader) text(into *string) func(ast.Node, string) {
	return func(node ast.Node, path string) {
		switch n := node.(type) {
		case *ast.StringNode:
			*into = n.Value
		case *ast.LiteralNode:
			*into = strings.TrimRight(n.Value.Value, "\n")
		case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
			// `when: true` and `version: 2` are meant as they look.
			*into = node.GetToken().Value
		default:
			r.fault(node, "want a text")
		}
	}
}

// truth returns what reads true or false.
func (r *reader) truth(into *bool) func(ast.Node, string) {
	return func(node ast.Node, _ string) {
		b, ok := node.(*ast.BoolNode)
		if !ok {
			r.fault(node, "want true or false")
			return
		}
		*into = b.Value
	}
}

// pattern returns what reads a pattern that is not empty: what is left empty by mistake
// must not come to mean something else.
func (r *reader) pattern(into *string) func(ast.Node, string) {
	return func(node ast.Node, path string) {
		before := len(r.faults)
		r.text(into)(node, path)
		if *into == "" && len(r.faults) == before {
			r.fault(node, `want a name, or "*" for any`)
		}
	}
}

// value reads a part of a mapping.
func (r *reader) value(node ast.Node, path string, depth int) any {
	r.at[path] = positionOf(node)
	if depth > maxDepth {
		r.fault(node, "it is too deep: want at most %d objects and lists inside each other", maxDepth)
		return nil
	}
	switch n := node.(type) {
	case *ast.NullNode:
		return nil
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		return n.Value
	case *ast.FloatNode:
		return n.Value
	case *ast.StringNode, *ast.LiteralNode:
		var text string
		r.text(&text)(node, path)
		return text
	case *ast.SequenceNode:
		list := make([]any, 0, len(n.Values))
		for i, item := range n.Values {
			list = append(list, r.value(item, element(path, i), depth+1))
		}
		return list
	}
	pairs, ok := r.entries(node)
	if !ok {
		return nil
	}
	object, seen := map[string]any{}, map[string]bool{}
	for _, pair := range pairs {
		if name, ok := r.key(pair, seen); ok {
			r.names[path+"."+name] = positionOf(pair.Key)
			object[name] = r.value(pair.Value, path+"."+name, depth+1)
		}
	}
	return object
}
