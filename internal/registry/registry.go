// Package registry holds the importers, destinations and kinds of connections of a program by name.
package registry

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Named is an entry of a registry.
type Named interface {
	// Name is the key in the registry. It matches ValidName and never changes.
	Name() string
}

// Registry holds named entries of one kind. Fill it at start, then share it: reading is safe for
// concurrent use, registering is not.
type Registry[T Named] struct {
	owner, noun string
	check       func(T) error
	byName      map[string]T
}

// New returns an empty registry. owner is the package named in panics, noun the name of an entry in
// errors, such as "importer". check, if not nil, validates an entry.
func New[T Named](owner, noun string, check func(T) error) Registry[T] {
	return Registry[T]{owner: owner, noun: noun, check: check, byName: map[string]T{}}
}

// ValidName matches the names of entries.
var ValidName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// Register adds an entry. It panics on a nil entry, an invalid or a duplicate name and any other
// fault of the entry: these are mistakes of the program, not of its input.
func (r *Registry[T]) Register(entry T) {
	if any(entry) == nil {
		panic(fmt.Sprintf("%s: Register of a nil %s", r.owner, r.noun))
	}
	if err := r.Add(entry); err != nil {
		panic(fmt.Sprintf("%s: %s", r.owner, err))
	}
}

// Add adds an entry that is not nil. It returns an error where Register panics.
func (r *Registry[T]) Add(entry T) error {
	name := entry.Name()
	if !ValidName.MatchString(name) {
		return fmt.Errorf("the name %q does not match %s", name, ValidName)
	}
	if r.check != nil {
		if err := r.check(entry); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	if _, taken := r.byName[name]; taken {
		return fmt.Errorf("%q is registered twice", name)
	}
	r.byName[name] = entry
	return nil
}

// Lookup returns the entry of that name. The error names the valid ones.
func (r *Registry[T]) Lookup(name string) (entry T, err error) {
	if entry, ok := r.byName[name]; ok {
		return entry, nil
	}
	return entry, Unknown(r.noun, name, r.Names())
}

// Names returns the names of all entries, sorted.
func (r *Registry[T]) Names() []string { return slices.Sorted(maps.Keys(r.byName)) }

// All returns all entries, sorted by name.
func (r *Registry[T]) All() []T {
	all := make([]T, 0, len(r.byName))
	for _, name := range r.Names() {
		all = append(all, r.byName[name])
	}
	return all
}

// Unknown returns the error for an invalid name.
func Unknown(noun, name string, valid []string) error {
	if len(valid) == 0 {
		return fmt.Errorf("unknown %s %q (none is registered)", noun, name)
	}
	return fmt.Errorf("unknown %s %q (want %s)", noun, name, strings.Join(valid, ", "))
}
