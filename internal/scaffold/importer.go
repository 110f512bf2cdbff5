package scaffold

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Importer is an importer to be generated.
type Importer struct {
	// Name is its name in the registry: lower case letters, digits and underscores, at most
	// 50 characters, a letter first.
	Name string
	// Module is the path of a module of its own. Defaults to none: the importer is part of
	// Sluice.
	Module string
}

var validModule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]*(/[A-Za-z0-9._~-]+)*$`)

// Validate reports every fault at once.
func (i Importer) Validate() error {
	return errors.Join(validateName("an importer", i.Name, i.Package()), validateModule(i.Module))
}

// validateModule reports what is wrong with the path of a module, which may be empty.
func validateModule(module string) error {
	if module != "" && (!validModule.MatchString(module) || strings.Contains(module, "..")) {
		return fmt.Errorf("%q is not the path of a Go module: want one such as example.com/team/things", module)
	}
	return nil
}

// goMod is the file of a module of its own. It names no version of Sluice: `go mod tidy`
// takes the newest.
func goMod(module string) File {
	return File{Path: "go.mod", Content: []byte("module " + module + "\n\ngo 1.26.0\n")}
}

// Package is the name of the Go package: the importer's name without underscores.
func (i Importer) Package() string { return strings.ReplaceAll(i.Name, "_", "") }

// Label is the name as people see it: "Daily totals" for daily_totals.
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

// Folder is where the importer goes unless somebody says otherwise.
func (i Importer) Folder() string {
	if i.Module != "" {
		return i.Package()
	}
	return "importers/" + i.Package()
}

// Files returns the importer's files. A module of its own has a go.mod, too.
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
