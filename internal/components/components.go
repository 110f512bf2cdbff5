// Package components assembles the components of a program: Sluice's own importers, destinations,
// connection kinds and mail templates, and those that the program adds.
package components

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/registry"
)

// Set holds the components of a process. The command line and the worker of a program use equal
// sets.
type Set struct {
	Importers    *importers.Registry
	Destinations *destinations.Registry
	Kinds        *connections.Registry
	// Templates are mail templates beside the built-in ones, in the layout of
	// notify.Templates. A later one replaces files of an earlier one.
	Templates []fs.FS
}

// Provider returns the set of a program under its settings, which decide, for example, which
// addresses a destination may reach. The names in a set do not depend on the settings.
type Provider func(settings config.Config) (Set, error)

// List lists components to register, in order.
type List struct {
	Importers    []importers.Importer
	Destinations []destinations.Destination
	Kinds        []connections.Kind
	Templates    []fs.FS
}

// Append adds the components of another list.
func (l *List) Append(more List) {
	l.Importers = append(l.Importers, more.Importers...)
	l.Destinations = append(l.Destinations, more.Destinations...)
	l.Kinds = append(l.Kinds, more.Kinds...)
	l.Templates = append(l.Templates, more.Templates...)
}

// Set registers all components. The error reports every component that is nil, invalid or a
// duplicate, and the faults of the mail templates.
func (l List) Set() (Set, error) {
	set := Set{
		Importers: importers.NewRegistry(), Destinations: destinations.NewRegistry(), Kinds: connections.NewRegistry(),
		Templates: l.Templates,
	}
	err := errors.Join(
		add("importer", set.Importers, l.Importers),
		add("destination", set.Destinations, l.Destinations),
		add("connection kind", set.Kinds, l.Kinds),
		l.validateTemplates(),
	)
	if err != nil {
		return Set{}, err
	}
	return set, nil
}

// add adds the components of one kind to their registry, and reports every fault.
func add[T registry.Named](what string, to interface{ Add(entry T) error }, all []T) error {
	var faults []error
	for _, c := range all {
		switch {
		case any(c) == nil:
			faults = append(faults, fmt.Errorf("register %s: nil component", what))
		case isNil(c):
			faults = append(faults, fmt.Errorf("register %s: nil %T", what, c))
		default:
			if err := to.Add(c); err != nil {
				faults = append(faults, fmt.Errorf("register %s (%T): %w", what, c, err))
			}
		}
	}
	return errors.Join(faults...)
}
