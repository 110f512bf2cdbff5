package connections

import (
	"fmt"

	"github.com/sluicehq/sluice/internal/registry"
)

// Registry holds the kinds of connections that a program knows. Register adds one and panics on a
// mistake of the program, Lookup returns one or an error that names the valid ones, Names and All list
// them, sorted. Fill it at start, then share it: reading is safe for concurrent use, registering is not.
type Registry struct{ registry.Registry[Kind] }

// NewRegistry returns a registry of the given kinds. It panics where Register does.
func NewRegistry(all ...Kind) *Registry {
	r := &Registry{registry.New("connections", "kind of connection", checkSecretNames)}
	for _, k := range all {
		r.Register(k)
	}
	return r
}

// checkSecretNames reports the first invalid or duplicate name of a kind's secrets.
func checkSecretNames(k Kind) error {
	seen := map[string]bool{}
	for _, s := range k.Secrets() {
		if !registry.ValidName.MatchString(s.Name) || seen[s.Name] {
			return fmt.Errorf("the secret %q is a duplicate or does not match %s", s.Name, registry.ValidName)
		}
		seen[s.Name] = true
	}
	return nil
}
