package scaffold

import (
	"errors"
	"fmt"
	"go/token"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/registry"
)

// Destination is a destination to generate, with an action "send".
type Destination struct {
	// Name is its name in the registry: lower case letters, digits and underscores, at most
	// 50 characters, a letter first.
	Name string
	// Migrations adds migrations for the destination's own tables. Defaults to false.
	Migrations bool
	// Module is the path of a separate module. Defaults to none: the destination is part of Sluice.
	Module string
}

// Validate reports every fault.
func (d Destination) Validate() error {
	return errors.Join(validateName("a destination", d.Name, d.Package()), validateModule(d.Module))
}

// validateName reports an invalid name of a component.
func validateName(what, name, code string) error {
	switch {
	case !registry.ValidName.MatchString(name):
		return fmt.Errorf("%q is not the name of %s: want a lower case letter, then up to 49 letters, digits and underscores",
			name, what)
	case token.IsKeyword(code) || code == "main" || strings.Trim(name, "_") != name:
		return fmt.Errorf("%q cannot be the name of a Go package: choose another", name)
	}
	return nil
}

// Package is the name of the Go package: the destination's name without underscores.
func (d Destination) Package() string { return strings.ReplaceAll(d.Name, "_", "") }

// Label is the name for users: "Shop crm" for shop_crm.
func (d Destination) Label() string { return Importer{Name: d.Name}.Label() }

// Import is the import path of the package.
func (d Destination) Import() string {
	if d.Module != "" {
		return d.Module
	}
	return "github.com/sluicehq/sluice/" + d.Folder()
}

// Folder is the default folder of the destination.
func (d Destination) Folder() string {
	if d.Module != "" {
		return d.Package()
	}
	return "destinations/" + d.Package()
}

// Files returns the destination's files.
func (d Destination) Files() ([]File, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	files, err := render("destination", d.Package(), d)
	if err != nil {
		return nil, err
	}
	action, err := Action{Name: "send", Destination: d.Name}.Files()
	if err != nil {
		return nil, err
	}
	files = append(files, action...)
	if d.Migrations {
		more, err := render("migrations", d.Package(), d)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	if d.Module != "" {
		files = append(files, goMod(d.Module))
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// Action is an action of a destination to generate.
type Action struct {
	// Name is its name, unique within its destination, in the form of a destination's name.
	Name string
	// Destination is the name of its destination.
	Destination string
}

// Validate reports every fault.
func (a Action) Validate() error {
	var name error
	if !registry.ValidName.MatchString(a.Name) || strings.Trim(a.Name, "_") != a.Name {
		name = fmt.Errorf("%q is not the name of an action: want a lower case letter, then up to 49 letters, digits and "+
			"underscores, with no underscore at the end", a.Name)
	}
	return errors.Join(name, Destination{Name: a.Destination}.Validate())
}

// Package is the name of the destination's Go package.
func (a Action) Package() string { return Destination{Name: a.Destination}.Package() }

// Type is the name of the action's Go type: "upsertContactAction" for upsert_contact. The suffix
// prevents keywords and conflicts.
func (a Action) Type() string {
	exported := a.Exported()
	return strings.ToLower(exported[:1]) + exported[1:]
}

// Exported is Type with a capital letter.
func (a Action) Exported() string {
	var name strings.Builder
	for word := range strings.FieldsFuncSeq(a.Name, func(r rune) bool { return r == '_' }) {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String() + "Action"
}

// Folder is the default folder of the action, that of its destination.
func (a Action) Folder() string { return Destination{Name: a.Destination}.Folder() }

// Files returns the action's files. Their names do not contain the underscores of the action's
// name: Go treats some suffixes after an underscore as operating systems.
func (a Action) Files() ([]File, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	return render("action", strings.ReplaceAll(a.Name, "_", ""), a)
}
