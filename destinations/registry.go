package destinations

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Registry holds the known destinations. Fill it at start, then share it: reading is safe
// for concurrent use, registering is not.
type Registry struct {
	byName map[string]Destination
}

// NewRegistry returns a registry of the given destinations. It panics where Register does.
func NewRegistry(all ...Destination) *Registry {
	r := &Registry{byName: make(map[string]Destination, len(all))}
	for _, d := range all {
		r.Register(d)
	}
	return r
}

// Register adds a destination. It panics on a nil destination, on unfit options, names and
// schedules, and on a name that is taken: these are mistakes in the program, not in its
// input.
func (r *Registry) Register(d Destination) {
	if d == nil {
		panic("destinations: Register of a nil destination")
	}
	if err := Check(d); err != nil {
		panic(fmt.Sprintf("destinations: %q: %s", d.Name(), err))
	}
	if _, taken := r.byName[d.Name()]; taken {
		panic(fmt.Sprintf("destinations: %q is registered twice", d.Name()))
	}
	r.byName[d.Name()] = d
}

// Lookup returns the destination of that name. The error names the known ones.
func (r *Registry) Lookup(name string) (Destination, error) {
	if d, ok := r.byName[name]; ok {
		return d, nil
	}
	if len(r.byName) == 0 {
		return nil, errors.New("this program knows no destinations")
	}
	return nil, fmt.Errorf("no destination is called %q: the destinations are %s", name, strings.Join(r.Names(), ", "))
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
	return nil, fmt.Errorf("%s has no action %q: its actions are %s", d.Name(), name, strings.Join(names, ", "))
}

// Names returns the names of all destinations, sorted.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.byName))
	for name := range r.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// All returns all destinations, by name.
func (r *Registry) All() []Destination {
	all := make([]Destination, 0, len(r.byName))
	for _, name := range r.Names() {
		all = append(all, r.byName[name])
	}
	return all
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// Check reports every fault in what a destination says about itself.
func Check(d Destination) error {
	var faults []error
	if !validName.MatchString(d.Name()) {
		faults = append(faults, fmt.Errorf("the name %q does not match %s", d.Name(), validName))
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
		if !validName.MatchString(a.Name()) || seen[a.Name()] {
			faults = append(faults, fmt.Errorf("the action %q comes twice or does not match %s", a.Name(), validName))
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
		faults = append(faults, fmt.Errorf("the default version %q is none of the versions: want one of %s",
			o.DefaultVersion, validVersions(o)))
	case len(o.Versions) == 0 && o.DefaultVersion != "":
		faults = append(faults, fmt.Errorf("there is a default version %q, but there are no versions", o.DefaultVersion))
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
