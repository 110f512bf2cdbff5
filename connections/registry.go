package connections

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Registry holds the known kinds of connections. Fill it at start, then share it:
// reading is safe for concurrent use, registering is not.
type Registry struct {
	byName map[string]Kind
}

// NewRegistry returns a registry of the given kinds. It panics where Register does.
func NewRegistry(all ...Kind) *Registry {
	r := &Registry{byName: make(map[string]Kind, len(all))}
	for _, k := range all {
		r.Register(k)
	}
	return r
}

var validKind = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// Register adds a kind. It panics on a nil kind, on an unfit name of the kind or of one
// of its secrets, and on a name that is taken: these are mistakes in the program, not in
// its input.
func (r *Registry) Register(k Kind) {
	if k == nil {
		panic("connections: Register of a nil kind")
	}
	name := k.Name()
	if !validKind.MatchString(name) {
		panic(fmt.Sprintf("connections: the name %q does not match %s", name, validKind))
	}
	if _, taken := r.byName[name]; taken {
		panic(fmt.Sprintf("connections: %q is registered twice", name))
	}
	seen := map[string]bool{}
	for _, s := range k.Secrets() {
		if !validKind.MatchString(s.Name) || seen[s.Name] {
			panic(fmt.Sprintf("connections: kind %q: the secret %q comes twice or does not match %s", name, s.Name, validKind))
		}
		seen[s.Name] = true
	}
	r.byName[name] = k
}

// Lookup returns the kind of that name. The error names the known ones.
func (r *Registry) Lookup(name string) (Kind, error) {
	if k, ok := r.byName[name]; ok {
		return k, nil
	}
	if len(r.byName) == 0 {
		return nil, errors.New("this program knows no kinds of connections")
	}
	return nil, fmt.Errorf("no kind of connection is called %q: the kinds are %s", name, strings.Join(r.Names(), ", "))
}

// Names returns the names of all kinds, sorted.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.byName))
	for name := range r.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
