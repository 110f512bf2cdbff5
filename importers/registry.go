package importers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Registry holds the known kinds of imports. Fill it at start, then share it:
// reading is safe for concurrent use, registering is not.
type Registry struct {
	byName map[string]Importer
}

// NewRegistry returns a registry of the given importers. It panics where
// Register does.
func NewRegistry(all ...Importer) *Registry {
	r := &Registry{byName: make(map[string]Importer, len(all))}
	for _, imp := range all {
		r.Register(imp)
	}
	return r
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// Register adds an importer. It panics on a nil importer, an unfit name and a
// name that is taken: these are mistakes in the program, not in its input.
func (r *Registry) Register(imp Importer) {
	if imp == nil {
		panic("importers: Register of a nil importer")
	}
	name := imp.Name()
	if !validName.MatchString(name) {
		panic(fmt.Sprintf("importers: the name %q does not match %s", name, validName))
	}
	if _, taken := r.byName[name]; taken {
		panic(fmt.Sprintf("importers: %q is registered twice", name))
	}
	r.byName[name] = imp
}

// Lookup returns the importer of that name. The error names the known ones.
func (r *Registry) Lookup(name string) (Importer, error) {
	if imp, ok := r.byName[name]; ok {
		return imp, nil
	}
	return nil, fmt.Errorf("no importer is called %q: the importers are %s", name, strings.Join(r.Names(), ", "))
}

// Names returns the names of all importers, sorted.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.byName))
	for name := range r.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
