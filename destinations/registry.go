package destinations

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/internal/registry"
)

// Registry holds the destinations that a program knows. Register adds one and panics on a mistake of
// the program, Lookup returns one or an error that names the valid ones, Names and All list them,
// sorted. Fill it at start, then share it: reading is safe for concurrent use, registering is not.
type Registry struct{ registry.Registry[Destination] }

// NewRegistry returns a registry of the given destinations. It panics where Register does.
func NewRegistry(all ...Destination) *Registry {
	r := &Registry{registry.New("destinations", "destination", Check)}
	for _, d := range all {
		r.Register(d)
	}
	return r
}

// LookupAction returns an action of a destination. The error names the known ones.
func (r *Registry) LookupAction(destination, action string) (Destination, Action, error) {
	d, err := r.Lookup(destination)
	if err != nil {
		return nil, nil, err
	}
	a, err := ActionOf(d, action)
	return d, a, err
}

// ActionOf returns the action of a destination that has that name. The error names those
// that it has.
func ActionOf(d Destination, name string) (Action, error) {
	var names []string
	for _, a := range d.Actions() {
		if a.Name() == name {
			return a, nil
		}
		names = append(names, a.Name())
	}
	slices.Sort(names)
	return nil, fmt.Errorf("%s: %w", d.Name(), registry.Unknown("action", name, names))
}

// Check reports every fault in what a destination says about itself.
func Check(d Destination) error {
	var faults []error
	if !registry.ValidName.MatchString(d.Name()) {
		faults = append(faults, fmt.Errorf("the name %q does not match %s", d.Name(), registry.ValidName))
	}
	if d.Label() == "" {
		faults = append(faults, errors.New("there is no label"))
	}
	faults = append(faults, d.Options().Validate())
	if len(d.Actions()) == 0 {
		faults = append(faults, errors.New("there are no actions"))
	}
	seen := map[string]bool{}
	for _, a := range d.Actions() {
		if a == nil {
			faults = append(faults, errors.New("an action is nil"))
			continue
		}
		if !registry.ValidName.MatchString(a.Name()) || seen[a.Name()] {
			faults = append(faults, fmt.Errorf("the action %q comes twice or does not match %s", a.Name(), registry.ValidName))
		}
		seen[a.Name()] = true
		if err := Resolve(d, a).Validate(); err != nil {
			faults = append(faults, fmt.Errorf("action %q: %w", a.Name(), err))
		}
	}
	return errors.Join(faults...)
}

// Validate reports every fault of the options.
func (o Options) Validate() error {
	var faults []error
	switch _, known := o.Versions[o.DefaultVersion]; {
	case len(o.Versions) > 0 && !known:
		faults = append(faults, fmt.Errorf("unknown default version %q: want one of %s",
			o.DefaultVersion, validVersions(o)))
	case len(o.Versions) == 0 && o.DefaultVersion != "":
		faults = append(faults, fmt.Errorf("unknown default version %q: want none without versions", o.DefaultVersion))
	}
	if o.DefaultSchedule != nil {
		if err := o.DefaultSchedule.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("default schedule: %w", err))
		}
	}
	if o.Concurrency < 0 || o.RatePerSecond < 0 || o.Timeout < 0 {
		faults = append(faults, errors.New("want a concurrency, a rate and a timeout that are not below zero"))
	}
	if o.BatchSize < 0 || o.BatchSize > MaxBatch {
		faults = append(faults, fmt.Errorf("the batch size is %d: want 0 to %d", o.BatchSize, MaxBatch))
	}
	return errors.Join(faults...)
}
