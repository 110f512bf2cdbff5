package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// declared are the names that the Go files of a folder declare: a function or type, and
// Type.Member for methods and fields.
type declared map[string]bool

// declaredIn parses the files of a folder: its tests, or what is tested.
func declaredIn(t *testing.T, folder string, tests bool) declared {
	t.Helper()
	names := declared{}
	entries, err := os.ReadDir(path.Join("..", folder))
	require.NoError(t, err, folder)
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") != tests {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path.Join("..", folder, name), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			names.add(decl)
		}
	}
	return names
}

func (d declared) add(decl ast.Decl) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		receiver := ""
		if decl.Recv != nil {
			kind := decl.Recv.List[0].Type
			if star, ok := kind.(*ast.StarExpr); ok {
				kind = star.X
			}
			if ident, ok := kind.(*ast.Ident); ok {
				receiver = ident.Name + "."
			}
		}
		d[receiver+decl.Name.Name] = true
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					d[name.Name] = true
				}
			case *ast.TypeSpec:
				d[spec.Name.Name] = true
				d.addMembers(spec)
			}
		}
	}
}

// addMembers adds the fields of a struct, or the methods of an interface.
func (d declared) addMembers(spec *ast.TypeSpec) {
	var members *ast.FieldList
	switch kind := spec.Type.(type) {
	case *ast.StructType:
		members = kind.Fields
	case *ast.InterfaceType:
		members = kind.Methods
	case *ast.SelectorExpr:
		// An alias: its members are those of package db.
		d[spec.Name.Name+".*"] = true
		return
	default:
		return
	}
	for _, member := range members.List {
		for _, name := range member.Names {
			d[spec.Name.Name+"."+name.Name] = true
		}
	}
}

// has says whether a name is declared.
func (d declared) has(name string) bool {
	kind, _, _ := strings.Cut(name, ".")
	return d[name] || d[kind+".*"]
}

// goName is a folder and a name in it.
var goName = regexp.MustCompile("`([a-z][a-z0-9/]*)\\.([A-Z]\\w*(?:\\.[A-Z]\\w*)?)`")

// TestSeeds: what the page about the seeds names exists, and each of its rows has a
// counterpart and a test.
func TestSeeds(t *testing.T) {
	t.Parallel()
	rows := 0
	parsed := map[bool]map[string]declared{false: {}, true: {}}
	for line := range strings.Lines(pages(t)["seeds.md"]) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 3 || cells[0] == "| Seed" || strings.HasPrefix(cells[0], "| ---") {
			continue
		}
		rows++
		for i, cell := range cells[1:] {
			tests := i == 1
			found := goName.FindAllStringSubmatch(cell, -1)
			require.True(t, !tests || len(found) > 0, "a row without a test: %s", line)
			for _, m := range found {
				if parsed[tests][m[1]] == nil {
					parsed[tests][m[1]] = declaredIn(t, m[1], tests)
				}
				require.True(t, parsed[tests][m[1]].has(m[2]), "%s.%s does not exist: %s", m[1], m[2], line)
				require.Equal(t, tests, strings.HasPrefix(m[2], "Test"), "in the wrong column: %s", line)
			}
		}
	}
	require.Greater(t, rows, 60)
}
