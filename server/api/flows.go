package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/internal/convert"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

// tagFlows is the resource of flows in the document.
const tagFlows = "flows"

// maxFlows bounds the text of flows, in bytes.
const maxFlows = 1 << 20

// flows adds the operations of flows.
func (a *API) flows() {
	add := func(o operation) operation {
		o.tag, o.reach = tagFlows, reachAll
		return o
	}
	register(a, add(operation{
		id: "list-flows", method: http.MethodGet, path: "/flows",
		summary: "List applied flows by name", need: access.PermissionRead,
	}), a.listFlows)
	register(a, add(operation{
		id: "show-flow", method: http.MethodGet, path: "/flows/{flow}",
		summary: "Show a flow with its versions", need: access.PermissionRead,
	}), a.showFlow)
	text := func(o operation) operation {
		o.method, o.maxBody = http.MethodPost, 2*maxFlows
		return add(o)
	}
	register(a, text(operation{
		id: "validate-flows", path: "/flows/validate", summary: "Check flows, and apply none", need: access.PermissionRead,
		reads: true,
	}), a.validateFlows)
	register(a, text(operation{
		id: "diff-flows", path: "/flows/diff", summary: "Show the changes that apply-flows would make",
		need: access.PermissionRead, reads: true,
	}), a.diffFlows)
	register(a, text(operation{
		id: "test-flows", path: "/flows/test", summary: "Show the jobs that flows would create for an event",
		need: access.PermissionRead, reads: true,
	}), a.testFlows)
	register(a, text(operation{
		id: "apply-flows", path: "/flows/apply", summary: "Apply flows", need: access.PermissionAdminister,
		description: "Unchanged flows keep their version; a fault changes nothing. Events that are kept for the " +
			"flows are replayed.",
	}), a.applyFlows)
	register(a, add(operation{
		id: "replay-flow", method: http.MethodPost, path: "/flows/{flow}/replay",
		summary: "Create jobs from the events kept for a flow", need: access.PermissionOperate,
		problems: []problemType{problemConflict},
	}), a.replayFlow)
}

type listFlowsInput struct {
	Page
	State string `query:"state" enum:"active,no_worker,failing,faulty,disabled" doc:"Only flows in this state."`
	Text  string `query:"text" maxLength:"100" doc:"Only flows with this text in their name, source, event or actions."`
}

func (a *API) listFlows(ctx context.Context, in *listFlowsInput) (*List[deliveryclient.Flow], error) {
	all, err := a.flowClient().List(ctx, deliveryclient.FlowFilter{State: in.State, Text: in.Text})
	if err != nil {
		return nil, err
	}
	return namedPage(ctx, in.Page, all, func(f deliveryclient.Flow) string { return f.Name })
}

// FlowPath is the input of an operation on a flow.
type FlowPath struct {
	Flow string `path:"flow" maxLength:"50" doc:"Name of the flow."`
}

func (a *API) showFlow(ctx context.Context, in *FlowPath) (*output[deliveryclient.Flow], error) {
	return answer(a.flowClient().Show(ctx, in.Flow))
}

// FlowText are flows in YAML.
type FlowText struct {
	Flows string `json:"flows" maxLength:"1048576" doc:"Flows in YAML, as in a file of sluice apply. JSON is YAML, too."`
}

// FlowSet are flows in YAML that are to replace the applied ones.
type FlowSet struct {
	FlowText
	Prune bool `json:"prune,omitempty" doc:"Remove all other flows."`
}

// parse reads flows. Positions in errors begin with flows.
func (a *API) parse(ctx context.Context, text FlowText) (deliveryclient.FlowSet, error) {
	return a.flowClient().Parse(ctx, "flows", []byte(text.Flows))
}

type validatedOutput struct {
	Body struct {
		Flows []string `json:"flows" doc:"Names of the flows."`
	}
}

func (a *API) validateFlows(ctx context.Context, in *input[FlowText]) (*validatedOutput, error) {
	set, err := a.parse(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	out := &validatedOutput{}
	out.Body.Flows = convert.Slice(set.Flows, func(f flow.Flow) string { return f.Name })
	return out, nil
}

func (a *API) diffFlows(ctx context.Context, in *input[FlowSet]) (*items[deliveryclient.FlowChange], error) {
	set, err := a.parse(ctx, in.Body.FlowText)
	if err != nil {
		return nil, err
	}
	changes, err := a.flowClient().Diff(ctx, set, in.Body.Prune)
	return itemsOf(changes), err
}

func (a *API) applyFlows(ctx context.Context, in *input[FlowSet]) (*items[deliveryclient.FlowChange], error) {
	set, err := a.parse(ctx, in.Body.FlowText)
	if err != nil {
		return nil, err
	}
	applied, err := a.flowClient().Apply(ctx, set, deliveryclient.ApplyOptions{Prune: in.Body.Prune, By: by(ctx, "").Who})
	if err != nil {
		return nil, err
	}
	return itemsOf(applied.Changes), nil
}

// SampleEvent is an event that flows are tested with.
type SampleEvent struct {
	ID         string                     `json:"id,omitempty" maxLength:"64" default:"sample"`
	Source     string                     `json:"source,omitempty" maxLength:"100"`
	Name       string                     `json:"name,omitempty" maxLength:"100"`
	Version    string                     `json:"version,omitempty" maxLength:"100"`
	Context    map[string]json.RawMessage `json:"context,omitempty"`
	Data       map[string]json.RawMessage `json:"data,omitempty"`
	SentAt     time.Time                  `json:"sent_at,omitzero"`
	ReceivedAt time.Time                  `json:"received_at,omitzero"`
}

// SampleImport is a sample of what an import has to say: its end, or a row of a table.
type SampleImport struct {
	Importer string `json:"importer" minLength:"1" maxLength:"100" example:"csv" doc:"Name of the importer."`
	End      string `json:"end,omitempty" enum:"completed,unchanged,failed,cancelled,declined" doc:"Status of its end; completed by default."`
	Table    string `json:"table,omitempty" maxLength:"100" example:"imported_pages" doc:"A row of this table, in place of its end."`
}

// FlowTest is the body of test-flows: an event or an import, one of the two.
type FlowTest struct {
	FlowText
	Event  *SampleEvent  `json:"event,omitempty" doc:"An event of a source."`
	Import *SampleImport `json:"import,omitempty" doc:"An import, in place of an event."`
}

// sample returns the event that the flows are tested with.
func (t FlowTest) sample() (event destinations.Event, err error) {
	switch {
	case (t.Event == nil) == (t.Import == nil):
		return event, invalidField("#/event", "want either event or import")
	case t.Import != nil:
		event, err = flow.SampleOfImport(t.Import.Importer, t.Import.End, t.Import.Table)
		if err != nil {
			return event, invalidField("#/import", err.Error())
		}
		return event, nil
	}
	event = destinations.Event{
		ID: t.Event.ID, Source: t.Event.Source, Name: t.Event.Name, Version: t.Event.Version, SentAt: t.Event.SentAt,
		ReceivedAt: t.Event.ReceivedAt,
	}
	if event.Context, err = objectOf(t.Event.Context); err != nil {
		return event, err
	}
	event.Data, err = objectOf(t.Event.Data)
	return event, err
}

func (a *API) testFlows(ctx context.Context, in *input[FlowTest]) (*items[deliveryclient.FlowDecision], error) {
	set, err := a.parse(ctx, in.Body.FlowText)
	if err != nil {
		return nil, err
	}
	event, err := in.Body.sample()
	if err != nil {
		return nil, err
	}
	return itemsOf(deliveryclient.FlowDecisions(set.Decide(ctx, event))), nil
}

// FlowReplay is the result of replay-flow.
type FlowReplay struct {
	Events int    `json:"events" doc:"Number of replayed events."`
	Jobs   int    `json:"jobs" doc:"Number of new jobs."`
	Failed int    `json:"failed" doc:"Number of events that stay kept, because the flow has failed again."`
	Fault  string `json:"fault" doc:"Last error of the flow, or an empty text."`
}

func (a *API) replayFlow(ctx context.Context, in *FlowPath) (*output[FlowReplay], error) {
	replayed, err := a.cfg.Deliveries.ReplayFlow(ctx, in.Flow)
	if err != nil {
		return nil, err
	}
	out := &output[FlowReplay]{FlowReplay{Events: replayed.Events, Jobs: replayed.Jobs, Failed: replayed.Failed}}
	if replayed.LastFault != nil {
		out.Body.Fault = replayed.LastFault.Error()
	}
	return out, nil
}
