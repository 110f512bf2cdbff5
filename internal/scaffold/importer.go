package scaffold

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Importer is an importer to generate.
type Importer struct {
	// Name is its name in the registry: lower case letters, digits and underscores, at most
	// 50 characters, a letter first.
	Name string
	// Module is the path of a separate module. Defaults to none: the importer is part of Sluice.
	Module string
}

var validModule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]*(/[A-Za-z0-9._~-]+)*$`)

// Validate reports every fault.
func (i Importer) Validate() error {
	return errors.Join(validateName("an importer", i.Name, i.Package()), validateModule(i.Module))
}

// validateModule reports an invalid path of a module. An empty one is valid.
func validateModule(module string) error {
	if module != "" && (!validModule.MatchString(module) || strings.Contains(module, "..")) {
		return fmt.Errorf("%q is not the path of a Go module: want one such as example.com/team/things", module)
	}
	return nil
}

// goMod returns the go.mod of a separate module. It names no version of Sluice: `go mod tidy` adds
// the latest.
func goMod(module string) File {
	return File{Path: "go.mod", Content: []byte("module " + module + "\n\ngo 1.26.0\n")}
}

// Package is the name of the Go package: the importer's name without underscores.
func (i Importer) Package() string { return strings.ReplaceAll(i.Name, "_", "") }

// Label is the name for users: "Daily totals" for daily_totals.
func (i Importer) Label() string {
	words := []rune(strings.Join(strings.FieldsFunc(i.Name, func(r rune) bool { return r == '_' }), " "))
	words[0] = unicode.ToUpper(words[0])
	return string(words)
}

// Import is the import path of the package.
func (i Importer) Import() string {
	if i.Module != "" {
		return i.Module
	}
	return "github.com/sluicehq/sluice/importers/" + i.Package()
}

// Folder is the default folder of the importer.
func (i Importer) Folder() string {
	if i.Module != "" {
		return i.Package()
	}
	return "importers/" + i.Package()
}

// Files returns the importer's files. A separate module includes a go.mod.
func (i Importer) Files() ([]File, error) {
	if err := i.Validate(); err != nil {
		return nil, err
	}
	files, err := render("importer", i.Package(), i)
	if err == nil && i.Module != "" {
		files = append(files, goMod(i.Module))
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, err
}
