package flow

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// origin is a file that flows were read from, and where everything stands in it.
type origin struct {
	file  string
	lines []string
	at    map[string]position
	// names are where the names of the fields of mappings stand.
	names map[string]position
}

// position is a line and a column, both from one.
type position struct{ line, column int }

// positionOf returns where a node begins.
func positionOf(node ast.Node) position {
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return position{1, 1}
	}
	p := node.GetToken().Position
	return position{max(p.Line, 1), max(p.Column, 1)}
}

func (o *origin) write(p position) string { return fmt.Sprintf("%s:%d:%d", o.file, p.line, p.column) }

// place returns where the thing at a path stands, or what is around it.
func (o *origin) place(path string) string {
	for {
		if p, known := o.at[path]; known {
			return o.write(p)
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return o.write(position{1, 1})
		}
		path = path[:cut]
	}
}

// inside returns where a line and a column, from one and zero, of the text at a path stand.
// The text may be quoted, or go over several lines that are indented: the line is looked
// for as it is. Where it cannot be found, it is the beginning of the text.
func (o *origin) inside(path, text string, line, column int) string {
	begin, known := o.at[path]
	all := strings.Split(text, "\n")
	if !known || line < 1 || line > len(all) || all[line-1] == "" {
		return o.place(path)
	}
	for i := begin.line; i <= min(len(o.lines), begin.line+len(all)+1); i++ {
		from := 0
		if i == begin.line {
			from = min(begin.column-1, len(o.lines[i-1]))
		}
		if at := strings.Index(o.lines[i-1][from:], all[line-1]); at >= 0 {
			return o.write(position{i, from + at + column + 1})
		}
	}
	return o.place(path)
}
