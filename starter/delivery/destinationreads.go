package delivery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/registry"
	"github.com/sluicehq/sluice/internal/textsearch"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// Destinations lists and shows destinations, which belong to no site. It is safe for concurrent use.
type Destinations struct {
	// Store is the system of record. Required.
	Store *dispatchstore.Store
	// Registry knows the destinations of this program. Required.
	Registry *destinations.Registry
	// Client returns the client that knows the workflows of actions. Required.
	Client func(ctx context.Context) (*Client, error)
}

// DestinationFilter selects destinations. The zero value selects all.
type DestinationFilter struct {
	// State is one of the constants that begin with Destination.
	State string
	// Text is in the name or the label, in upper or lower case.
	Text string
}

// List returns the destinations of this program and of live workers, and those with unfinished jobs, by name: those
// that a filter selects.
func (d Destinations) List(ctx context.Context, f DestinationFilter) ([]Destination, error) {
	workers, err := d.Store.LiveWorkers(ctx)
	if err != nil {
		return nil, err
	}
	names, err := d.names(ctx, workers)
	if err != nil {
		return nil, err
	}
	all := make([]Destination, len(names))
	for i, name := range names {
		if all[i], err = d.view(ctx, workers, name); err != nil {
			return nil, err
		}
	}
	d.addWorkflows(ctx, all...)
	return slices.DeleteFunc(all, func(one Destination) bool {
		return !textsearch.In(f.Text, one.Name, one.Label) || f.State != "" && f.State != one.State
	}), nil
}

func (d Destinations) names(ctx context.Context, workers store.Workers) ([]string, error) {
	counts, err := d.Store.Deliveries.JobStats(ctx, deliverystore.JobFilter{States: []string{
		deliverystore.JobAcknowledged, deliverystore.JobAwaiting, deliverystore.JobExecuting, deliverystore.JobFailed,
		deliverystore.JobUnknown, deliverystore.JobHeld,
	}})
	names := d.offered(workers)
	for _, n := range counts {
		names = append(names, n.Destination)
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), err
}

// offered returns the destinations of this program and of live workers.
func (d Destinations) offered(workers store.Workers) []string {
	names := d.Registry.Names()
	for _, offered := range workers.Offers().Destinations {
		names = append(names, offered.Name)
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// Show returns a destination of this program, of a live worker or with jobs. The error names the known ones; it is
// store.ErrNotFound and starter.ErrInvalid.
func (d Destinations) Show(ctx context.Context, name string) (Destination, error) {
	workers, err := d.Store.LiveWorkers(ctx)
	if err != nil {
		return Destination{}, err
	}
	if known := d.offered(workers); !slices.Contains(known, name) {
		jobs, err := d.Store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{Destinations: []string{name}})
		if err != nil {
			return Destination{}, err
		}
		if jobs == 0 {
			return Destination{}, notOffered(registry.Unknown("destination", name, known))
		}
	}
	v, err := d.view(ctx, workers, name)
	if err != nil {
		return Destination{}, err
	}
	views := []Destination{v}
	d.addWorkflows(ctx, views...)
	return views[0], nil
}

// view reads the settings and job counts of a destination.
func (d Destinations) view(ctx context.Context, workers store.Workers, name string) (Destination, error) {
	settings, err := d.Store.Deliveries.Settings(ctx, name)
	if err != nil {
		return Destination{}, err
	}
	waiting, err := d.waiting(ctx, name)
	if err != nil {
		return Destination{}, err
	}
	counts, err := d.Store.Deliveries.JobStats(ctx, deliverystore.JobFilter{Destinations: []string{name}})
	if err != nil {
		return Destination{}, err
	}
	v := Destination{
		Name: name, Versions: []Version{}, Paused: settings[""].Paused, Jobs: map[string]int64{}, Connections: waiting,
		Workers: len(workers.WithDestination(name)), Actions: []Action{},
	}
	byAction := v.addCounts(counts)
	if dest, err := d.Registry.Lookup(name); err == nil {
		o := dest.Options()
		v.Registered, v.Label, v.DefaultVersion, v.Versions = true, dest.Label(), o.DefaultVersion, versionsOf(o)
		for _, a := range dest.Actions() {
			v.Actions = append(v.Actions, actionOf(dest, a, settings, byAction[a.Name()]))
		}
	} else {
		v.addOffered(workers, settings, byAction)
	}
	for i := range v.Actions {
		v.Actions[i].Workers = len(workers.WithAction(name, v.Actions[i].Name))
	}
	return v, nil
}

// addCounts adds counts of jobs, and returns them by action and state.
func (d *Destination) addCounts(counts []deliverystore.JobCount) map[string]map[string]int64 {
	byAction := map[string]map[string]int64{}
	for _, n := range counts {
		d.Jobs[n.State] += n.Jobs
		d.Due += n.Due
		if n.OldestDue != nil && (d.OldestDue == nil || n.OldestDue.Before(*d.OldestDue)) {
			d.OldestDue = n.OldestDue
		}
		if byAction[n.Action] == nil {
			byAction[n.Action] = map[string]int64{}
		}
		byAction[n.Action][n.State] = n.Jobs
	}
	return byAction
}

// addOffered adds the label and the actions of a destination that this program does not have: those that
// live workers offer, and those that have jobs.
func (d *Destination) addOffered(
	workers store.Workers, settings map[string]deliverystore.Settings, jobs map[string]map[string]int64,
) {
	names := slices.Collect(maps.Keys(jobs))
	for _, offered := range workers.Offers().Destinations {
		if offered.Name == d.Name {
			d.Label = offered.Label
			names = append(names, offered.Actions...)
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		a := Action{Name: name, Paused: settings[""].Paused || settings[name].Paused, Jobs: jobs[name]}
		if a.Jobs == nil {
			a.Jobs = map[string]int64{}
		}
		d.Actions = append(d.Actions, a)
	}
}

func versionsOf(o destinations.Options) []Version {
	versions := []Version{}
	for name, since := range o.Versions {
		v := Version{Name: name}
		if !since.IsZero() {
			v.DeprecatedSince = &since
		}
		versions = append(versions, v)
	}
	slices.SortFunc(versions, func(a, b Version) int { return strings.Compare(a.Name, b.Name) })
	return versions
}

func actionOf(
	d destinations.Destination, a destinations.Action, settings map[string]deliverystore.Settings, jobs map[string]int64,
) Action {
	// The plan ignores an invalid setting; Fault reports it.
	p, fault := destinations.PlanOf(d, a, deliveryacts.SettingsOf(settings))
	v := Action{
		Name: a.Name(), Paused: p.Paused, Realtime: p.Realtime, Interval: p.Interval, TimeZone: p.TimeZone,
		MaxRetries: int(*p.MaxRetries), InitialBackoff: p.InitialBackoff.Seconds(), MaxBackoff: p.MaxBackoff.Seconds(),
		Concurrency: p.Concurrency, RatePerSecond: p.RatePerSecond, BatchSize: p.BatchSize,
		TimeoutSeconds: p.Timeout.Seconds(), RedriveUnknown: p.RedriveUnknown, Jobs: jobs,
	}
	next, err := p.Next(time.Now())
	if err == nil && !strings.HasPrefix(p.Interval, "@every") {
		v.Next = &next
	}
	if fault := destinations.Join(fault, err); fault != nil {
		v.Fault = fault.Error()
	}
	if v.Jobs == nil {
		v.Jobs = map[string]int64{}
	}
	return v
}

// waiting reads the connections with waiting jobs of a destination.
func (d Destinations) waiting(ctx context.Context, destination string) ([]Waiting, error) {
	rows, err := d.Store.Deliveries.ConnectionsOf(ctx, destination)
	if err != nil {
		return nil, err
	}
	stored, err := d.Store.ListConnections(ctx)
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	known := make(map[string]bool, len(stored))
	for _, row := range stored {
		known[row.Name] = true
	}
	all := make([]Waiting, len(rows))
	for i, w := range rows {
		all[i] = Waiting{
			Connection: deliverystore.NamedConnection(w.Health.Connection), Health: connections.HealthAt(w.Health, time.Now()),
			Waiting: w.Waiting, Due: w.Due,
		}
		if name := all[i].Connection; name != "" && !known[name] {
			all[i].State = ConnectionMissing
		}
	}
	return all, nil
}

// addWorkflows adds the states of the actions' workflows, unknown if Temporal does not answer.
func (d Destinations) addWorkflows(ctx context.Context, views ...Destination) {
	client, err := d.Client(ctx)
	for _, v := range views {
		for i := range v.Actions {
			a := &v.Actions[i]
			if err != nil {
				a.Workflow, a.WorkflowFault = WorkflowUnknown, err.Error()
				continue
			}
			ref := deliveryacts.ActionRef{Destination: v.Name, Action: a.Name}
			a.addWorkflow(client.Workflow(ctx, ref))
		}
	}
	for i := range views {
		views[i].State = views[i].state()
	}
}

func (a *Action) addWorkflow(standing ActionWorkflow, err error) {
	switch {
	case err != nil:
		a.Workflow, a.WorkflowFault = WorkflowUnknown, err.Error()
	case standing.Fault != "":
		a.Workflow, a.WorkflowFault = WorkflowFailing, standing.Fault
	case standing.Running:
		a.Workflow = WorkflowRunning
	default:
		a.Workflow, a.WorkflowFault = WorkflowNotRunning, "workflow is not running; a worker starts it within a minute"
		if standing.ClosedAt != nil {
			a.WorkflowFault = "workflow closed at " + standing.ClosedAt.UTC().Format(time.RFC3339) +
				"; a worker restarts it within a minute"
		}
	}
}
