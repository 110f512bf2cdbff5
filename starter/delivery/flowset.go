package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/internal/textsearch"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// Flows lists, tests and applies flows, which belong to no site. It is safe for concurrent use.
type Flows struct {
	// Store is the system of record. Required, except for Parse.
	Store *dispatchstore.Store
	// Workers returns the live workers. Defaults to those of Store.
	Workers func(ctx context.Context) (store.Workers, error)
	// Registry knows the destinations. Required.
	Registry *destinations.Registry
	// Client replays the events that are kept for a flow. It is called when there are some. Required for Apply.
	Client func(ctx context.Context) (*Client, error)
}

// Flow is an applied flow: the JSON of the command line and of the API. Fields are only ever added.
type Flow struct {
	Name      string          `json:"name"`
	Version   int64           `json:"version"`
	UpdatedAt time.Time       `json:"updated_at"`
	UpdatedBy string          `json:"updated_by"`
	Spec      json.RawMessage `json:"spec"`
	Versions  []FlowVersion   `json:"versions"`
	// Fault is the error that makes the flow unusable, "" if there is none.
	Fault string `json:"fault"`
	// NoWorker are the actions, as destination/action, that no live worker offers: their jobs wait.
	NoWorker []string `json:"no_worker"`
	// KeptEvents is the number of events kept because the flow failed for them, LastFailure the
	// last error.
	KeptEvents  int64  `json:"kept_events"`
	LastFailure string `json:"last_failure"`
	// State is one of the constants that begin with Flow.
	State string `json:"state"`

	// Read is the flow of Spec.
	Read flow.Flow `json:"-"`
}

// States of flows, the worst first.
const (
	// FlowFaulty means that the flow is unusable: it makes no jobs.
	FlowFaulty   = "faulty"
	FlowDisabled = "disabled"
	// FlowFailing means that events are kept because the flow failed for them.
	FlowFailing = "failing"
	// FlowNoWorker means that no live worker has one of its actions: their jobs wait.
	FlowNoWorker = "no_worker"
	FlowActive   = "active"
)

// FlowStates returns all states of flows.
func FlowStates() []string {
	return []string{FlowActive, FlowNoWorker, FlowFailing, FlowFaulty, FlowDisabled}
}

// state returns the state of a flow.
func (f Flow) state() string {
	switch {
	case f.Fault != "":
		return FlowFaulty
	case f.Read.Disabled:
		return FlowDisabled
	case f.KeptEvents > 0:
		return FlowFailing
	case len(f.NoWorker) > 0:
		return FlowNoWorker
	default:
		return FlowActive
	}
}

// FlowFilter selects flows. The zero value selects all.
type FlowFilter struct {
	// State is one of the states above.
	State string
	// Text is in the name, the source, the event or one of the actions, in upper or lower case.
	Text string
}

// matches reports whether the filter selects a flow.
func (f FlowFilter) matches(one Flow) bool {
	names := []string{one.Name, one.Read.Source, one.Read.Event}
	for _, to := range one.Read.To {
		names = append(names, to.Destination+"/"+to.Action)
	}
	return (f.State == "" || f.State == one.State) && textsearch.In(f.Text, names...)
}

// FlowVersion is a version of a flow; one with the spec null is a removal.
type FlowVersion struct {
	Version int64           `json:"version"`
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	Spec    json.RawMessage `json:"spec"`
}

// FlowChange is the change of a flow. Fields are only ever added.
type FlowChange struct {
	Name string `json:"name"`
	// Change is deliverystore.FlowAdded, FlowChanged, FlowRemoved or FlowUnchanged.
	Change  string          `json:"change"`
	Version int64           `json:"version"`
	Before  json.RawMessage `json:"before"`
	After   json.RawMessage `json:"after"`
}

// FlowDecision is what a flow decides about an event, for one of its actions or as a whole. Fields are only ever added.
type FlowDecision struct {
	Flow        string `json:"flow"`
	Destination string `json:"destination"`
	Action      string `json:"action"`
	// Decided is one of the constants of package flow that begin with Decided.
	Decided string          `json:"decided"`
	Error   string          `json:"error"`
	Version string          `json:"version"`
	Context json.RawMessage `json:"context"`
	Data    json.RawMessage `json:"data"`
}

// List returns the flows that a filter selects, by name, without their versions.
func (f Flows) List(ctx context.Context, filter FlowFilter) ([]Flow, error) {
	rows, err := f.Store.Deliveries.Flows(ctx)
	if err != nil {
		return nil, err
	}
	kept, workers, err := f.circumstances(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Flow, 0, len(rows))
	for _, row := range rows {
		if one := f.flow(workers, row, kept); filter.matches(one) {
			all = append(all, one)
		}
	}
	return all, nil
}

// circumstances returns the kept events of flows, and the live workers.
func (f Flows) circumstances(
	ctx context.Context,
) (kept map[string]deliverystore.FlowFaultCount, workers store.Workers, err error) {
	if kept, err = f.Store.Deliveries.FlowFaults(ctx); err != nil {
		return nil, nil, err
	}
	workers, err = f.workers(ctx)
	return kept, workers, err
}

func (f Flows) workers(ctx context.Context) (store.Workers, error) {
	if f.Workers != nil {
		return f.Workers(ctx)
	}
	return f.Store.LiveWorkers(ctx)
}

// flow returns a flow with its faults.
func (f Flows) flow(
	workers store.Workers, row deliverystore.Flow, kept map[string]deliverystore.FlowFaultCount,
) Flow {
	v := Flow{
		Name: row.Name, Version: row.Version, UpdatedAt: row.UpdatedAt, UpdatedBy: row.UpdatedBy, Spec: row.Spec,
		Versions: []FlowVersion{}, NoWorker: []string{},
		KeptEvents: kept[row.Name].Events, LastFailure: kept[row.Name].Reason, Read: flow.Read(row.Name, row.Spec),
	}
	if fault := flow.CompileEach(f.Registry, []flow.Flow{v.Read}).Faults()[v.Read.Name]; fault != nil {
		v.Fault = fault.Error()
	}
	for _, step := range v.Read.To {
		if len(workers.WithAction(step.Destination, step.Action)) == 0 {
			v.NoWorker = append(v.NoWorker, step.Destination+"/"+step.Action)
		}
	}
	v.State = v.state()
	return v
}

// Show returns a flow with its versions, or store.ErrNotFound.
func (f Flows) Show(ctx context.Context, name string) (Flow, error) {
	row, err := f.Store.Deliveries.Flow(ctx, name)
	if err != nil {
		return Flow{}, err
	}
	versions, err := f.Store.Deliveries.FlowVersionsOf(ctx, name)
	if err != nil {
		return Flow{}, fmt.Errorf("read the versions of flow %s: %w", name, err)
	}
	kept, workers, err := f.circumstances(ctx)
	if err != nil {
		return Flow{}, err
	}
	v := f.flow(workers, row, kept)
	for _, version := range versions {
		v.Versions = append(v.Versions, FlowVersion{
			Version: version.Version, At: version.At, By: version.By, Spec: orNull(version.Spec),
		})
	}
	return v, nil
}

// FlowSet are flows that were read from a text.
type FlowSet struct {
	Flows   []flow.Flow
	program *flow.Program
}

// Parse reads and compiles flows of YAML, to destinations of this program and of live workers. file names the text in
// errors, which report every fault with file:line:column and are starter.ErrInvalid. While PostgreSQL does not answer,
// flows to destinations of other programs are invalid, and the error says why.
func (f Flows) Parse(ctx context.Context, file string, text []byte) (FlowSet, error) {
	flows, err := flow.Parse(file, text)
	if err != nil {
		return FlowSet{}, call.Mark(err, call.ErrInvalid)
	}
	program, err := f.compile(ctx, flows)
	return FlowSet{Flows: flows, program: program}, call.Mark(err, call.ErrInvalid)
}

func (f Flows) compile(ctx context.Context, flows []flow.Flow) (*flow.Program, error) {
	program, unknown := flow.Compile(f.Registry, flows)
	if unknown == nil || f.haveAll(flows) {
		return program, unknown
	}
	workers, err := f.workers(ctx)
	if err != nil {
		why, _, _ := strings.Cut(err.Error(), "\n")
		return nil, fmt.Errorf("%w\nWhat live workers offer is not known: %s", unknown, strings.TrimSuffix(why, ":"))
	}
	offered := map[string][]string{}
	for _, d := range workers.Offers().Destinations {
		offered[d.Name] = d.Actions
	}
	return flow.CompileOffered(f.Registry, offered, flows)
}

// haveAll reports whether this program has all destinations of flows.
func (f Flows) haveAll(flows []flow.Flow) bool {
	for _, one := range flows {
		for _, step := range one.To {
			if _, err := f.Registry.Lookup(step.Destination); err != nil {
				return false
			}
		}
	}
	return true
}

// Decide returns what the flows decide about an event, without making jobs. It does no I/O.
func (s FlowSet) Decide(ctx context.Context, event destinations.Event) []flow.Decision {
	return s.program.Decide(ctx, &destinations.Toolkit{}, &destinations.Versions{}, event)
}

// FlowDecisions returns decisions as programs see them.
func FlowDecisions(decisions []flow.Decision) []FlowDecision {
	all := make([]FlowDecision, len(decisions))
	for i, d := range decisions {
		all[i] = FlowDecision{
			Flow: d.Flow, Destination: d.Destination, Action: d.Action, Decided: d.Decided, Version: d.Job.Version,
			Context: d.Job.Context, Data: d.Job.Data,
		}
		if d.Err != nil {
			all[i].Error = d.Err.Error()
		}
	}
	return all
}

func orNull(text json.RawMessage) json.RawMessage {
	if text == nil {
		return json.RawMessage("null")
	}
	return text
}
