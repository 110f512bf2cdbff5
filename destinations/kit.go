package destinations

import (
	"fmt"
	"os"
)

// The string representations of the kit's interfaces, as logs have them under "interface".
const (
	// InterfaceDestination stands for Destination.
	InterfaceDestination = "destination"
	// InterfaceAction stands for Action.
	InterfaceAction = "destination/action"
)

// Defaults returns the options of a destination that sets none: DefaultSchedule. It
// returns a new value each time, so that no caller changes another's.
func Defaults() *Options {
	return &Options{DefaultSchedule: new(DefaultSchedule())}
}

// Actions are actions by the names of their destinations.
type Actions map[string][]Action

// Actions returns the actions of all destinations.
func (r *Registry) Actions() Actions {
	all := Actions{}
	for _, d := range r.All() {
		all[d.Name()] = d.Actions()
	}
	return all
}

// Service is the process that calls an action.
type Service struct {
	// Name is ServiceGateway or ServiceScheduler.
	Name string
	// ID tells processes of the same name apart, for instance "4711@host".
	ID string
}

// NewService returns the service that this process is.
func NewService(name string) *Service {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Service{Name: name, ID: fmt.Sprintf("%d@%s", os.Getpid(), host)}
}

// The names of services.
const (
	// ServiceGateway accepts events and marshals them.
	ServiceGateway = "gateway"
	// ServiceScheduler loads jobs. It also marshals the jobs that follow from others, and
	// those of imports.
	ServiceScheduler = "scheduler"
)
