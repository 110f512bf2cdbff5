package importers

import "github.com/sluicehq/sluice/internal/registry"

// Registry holds the importers that a program knows. Register adds one and panics on a mistake of the
// program, Lookup returns one or an error that names the valid ones, Names and All list them, sorted.
// Fill it at start, then share it: reading is safe for concurrent use, registering is not.
type Registry struct{ registry.Registry[Importer] }

// NewRegistry returns a registry of the given importers. It panics where Register does.
func NewRegistry(all ...Importer) *Registry {
	r := &Registry{registry.New[Importer]("importers", "importer", nil)}
	for _, imp := range all {
		r.Register(imp)
	}
	return r
}
