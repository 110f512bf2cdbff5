package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/internal/terminal"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func flowCommand() *cli.Command {
	return group("flow", "manage flows, the rules that turn events into jobs",
		&cli.Command{
			Name: "list", Usage: "list applied flows", Flags: []cli.Flag{outputFlag()},
			Action: withSession(listFlows),
		},
		&cli.Command{
			Name: "show", Usage: "show a flow and its versions", ArgsUsage: "NAME", Flags: []cli.Flag{outputFlag()},
			Action: withSession(showFlow),
		},
		&cli.Command{
			Name: "test", Usage: "show the jobs that flows would create for an event",
			Description: "An event is a JSON object with source, name, version, context and data.",
			Flags:       append(append([]cli.Flag{flowFileFlag()}, sampleFlags()...), outputFlag()),
			Action:      withSession(testFlows),
		},
		&cli.Command{
			Name: "replay", Usage: "create jobs from the events kept for a flow", ArgsUsage: "NAME",
			Description: "An event is kept if a flow fails for it. `sluice apply` replays kept events when it changes the flow.",
			Flags:       []cli.Flag{outputFlag()}, Action: withSession(replayFlow),
		},
	)
}

func flowFileFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "file", Aliases: []string{"f"}, Usage: "read flows from a YAML `FILE`, or - for standard input; required",
	}
}

// readFlows reads and compiles the flows of --file.
func readFlows(ctx context.Context, s *session) ([]flow.Flow, *flow.Program, error) {
	c := s.cli
	if err := requireFlag(c, "file", "a file of flows, such as -f flows.yaml"); err != nil {
		return nil, nil, err
	}
	name := c.String("file")
	source := name
	if name != "-" {
		source = "@" + name
	}
	text, err := readText(c, "file", source)
	if err != nil {
		return nil, nil, err
	}
	flows, err := flow.Parse(name, text)
	if err != nil {
		return nil, nil, err
	}
	program, err := s.compile(ctx, flows)
	return flows, program, err
}

// compile compiles flows to destinations of this program and of live workers.
func (s *session) compile(ctx context.Context, flows []flow.Flow) (*flow.Program, error) {
	registered := func(step flow.Step) bool {
		_, err := s.known.Destinations.Lookup(step.Destination)
		return err == nil
	}
	for _, f := range flows {
		for _, step := range f.To {
			if registered(step) {
				continue
			}
			workers, err := s.liveWorkers(ctx)
			if err != nil {
				_, fault := flow.Compile(s.known.Destinations, flows)
				return nil, exitWith(exitUsage, notKnown(fault, err))
			}
			program, err := flow.CompileOffered(s.known.Destinations, actionsOf(workers.Offers()), flows)
			return program, exitWith(exitUsage, err)
		}
	}
	return flow.Compile(s.known.Destinations, flows)
}

// decisionJSON is the JSON form of a decision. Fields are only ever added.
type decisionJSON struct {
	Flow        string          `json:"flow"`
	Destination string          `json:"destination"`
	Action      string          `json:"action"`
	Decided     string          `json:"decided"`
	Error       string          `json:"error"`
	Version     string          `json:"version"`
	Context     json.RawMessage `json:"context"`
	Data        json.RawMessage `json:"data"`
}

func testFlows(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	_, program, err := readFlows(ctx, s)
	if err != nil {
		return err
	}
	event, err := sampleOf(s)
	if err != nil {
		return err
	}
	begin(c)
	decisions := program.Decide(ctx, &destinations.Toolkit{}, &destinations.Versions{}, event)
	return errors.Join(writeDecisions(c, decisions), faultOf(decisions))
}

// faultOf ends the command with a failure if a flow has failed; the table has the error.
func faultOf(decisions []flow.Decision) error {
	if _, err := flow.Jobs(decisions); err != nil {
		return silently(exitFailure, err)
	}
	return nil
}

func writeDecisions(c *cli.Context, decisions []flow.Decision) error {
	views := make([]decisionJSON, len(decisions))
	for i, d := range decisions {
		views[i] = decisionJSON{
			Flow: d.Flow, Destination: d.Destination, Action: d.Action, Decided: d.Decided, Version: d.Job.Version,
			Context: d.Job.Context, Data: d.Job.Data,
		}
		if d.Err != nil {
			views[i].Error = d.Err.Error()
		}
	}
	if asJSON(c) {
		return writeJSON(c, views)
	}
	if len(views) == 0 {
		return say(c, "The file has no flows.")
	}
	colours := map[string]terminal.Colour{flow.DecidedJob: terminal.Green, flow.DecidedFault: terminal.Red}
	table := terminal.NewTable("FLOW", "DESTINATION", "ACTION", "DECISION", "DATA")
	for _, v := range views {
		note := compact(v.Data)
		if v.Error != "" {
			note = v.Error
		}
		table.Row(v.Flow, orDash(v.Destination), orDash(v.Action),
			terminal.Coloured{Text: v.Decided, Colour: colours[v.Decided]}, note)
	}
	return table.Write(c.App.Writer)
}

// flowJSON is the JSON form of a flow. Fields are only ever added.
type flowJSON struct {
	Name      string            `json:"name"`
	Version   int64             `json:"version"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by"`
	Spec      json.RawMessage   `json:"spec"`
	Versions  []flowVersionJSON `json:"versions"`
	// Fault is the error that makes the flow unusable, "" if there is none.
	Fault string `json:"fault"`
	// NoWorker are the actions, as destination/action, that no live worker offers: their jobs wait.
	NoWorker []string `json:"no_worker"`
	// KeptEvents is the number of events kept because the flow failed for them, LastFailure the
	// last error.
	KeptEvents  int64  `json:"kept_events"`
	LastFailure string `json:"last_failure"`
}

// flowVersionJSON is a version of a flow; without a spec it is a removal.
type flowVersionJSON struct {
	Version int64           `json:"version"`
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	Spec    json.RawMessage `json:"spec"`
}

// flowView returns a flow with its faults.
func flowView(
	s *session, workers store.Workers, f deliverystore.Flow, kept map[string]deliverystore.FlowFaultCount,
) (flowJSON, flow.Flow) {
	view := flowJSON{
		Name: f.Name, Version: f.Version, UpdatedAt: f.UpdatedAt, UpdatedBy: f.UpdatedBy, Spec: f.Spec,
		Versions: []flowVersionJSON{}, NoWorker: []string{},
		KeptEvents: kept[f.Name].Events, LastFailure: kept[f.Name].Reason,
	}
	spec := flow.Read(f.Name, f.Spec)
	if fault := flow.CompileEach(s.known.Destinations, []flow.Flow{spec}).Faults()[spec.Name]; fault != nil {
		view.Fault = fault.Error()
	}
	for _, step := range spec.To {
		if len(workers.WithAction(step.Destination, step.Action)) == 0 {
			view.NoWorker = append(view.NoWorker, step.Destination+"/"+step.Action)
		}
	}
	return view, spec
}

func listFlows(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	all, err := opened.Deliveries.Flows(ctx)
	if err != nil {
		return err
	}
	kept, err := opened.Deliveries.FlowFaults(ctx)
	if err != nil {
		return err
	}
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return err
	}
	views, specs := make([]flowJSON, len(all)), make([]flow.Flow, len(all))
	for i, f := range all {
		views[i], specs[i] = flowView(s, workers, f, kept)
	}
	if asJSON(c) {
		return writeJSON(c, views)
	}
	if len(all) == 0 {
		return say(c, "No flows found. Apply a file of flows with `sluice apply -f FILE`.")
	}
	table := terminal.NewTable("NAME", "STATE", "ACTIONS", "VERSION", "KEPT EVENTS", "UPDATED", "UPDATED BY")
	for i, v := range views {
		state := terminal.Coloured{Text: "enabled", Colour: terminal.Green}
		switch {
		case v.Fault != "":
			state = terminal.Coloured{Text: "invalid", Colour: terminal.Red}
		case specs[i].Disabled:
			state = terminal.Coloured{Text: "disabled", Colour: terminal.Yellow}
		case len(v.NoWorker) > 0:
			state = terminal.Coloured{Text: stateNoWorker, Colour: terminal.Yellow}
		}
		table.Row(v.Name, state, len(specs[i].To), terminal.Ordinal(v.Version), v.KeptEvents, when(&all[i].UpdatedAt),
			orDash(v.UpdatedBy))
	}
	return table.Write(c.App.Writer)
}

// faultLines writes the faults of a flow.
func faultLines(c *cli.Context, v flowJSON) error {
	if v.Fault != "" {
		if err := say(c, "%s: %s\n", terminal.Paint(c.App.Writer, terminal.Red, "invalid"), v.Fault); err != nil {
			return err
		}
	}
	if len(v.NoWorker) > 0 {
		what := terminal.Paint(c.App.Writer, terminal.Yellow, stateNoWorker)
		missing := strings.Join(v.NoWorker, ", ")
		if err := say(c, "%s: no live worker offers %s; jobs wait for one\n", what, missing); err != nil {
			return err
		}
	}
	if v.KeptEvents == 0 {
		return nil
	}
	return say(c, "%s kept because the flow failed; last error: %s.\nFix the flow, then create their jobs with "+
		"`sluice flow replay %s`.\n", plural(v.KeptEvents, "event"), firstLineOf(v.LastFailure), v.Name)
}

// replayedJSON is the JSON form of a replay. Fields are only ever added.
type replayedJSON struct {
	Events int    `json:"events"`
	Jobs   int    `json:"jobs"`
	Failed int    `json:"failed"`
	Fault  string `json:"fault"`
}

func replayFlow(ctx context.Context, s *session) error {
	c := s.cli
	name, err := oneArg(c, "a flow's name")
	if err != nil {
		return err
	}
	client, err := s.Deliveries(ctx)
	if err != nil {
		return err
	}
	replayed, err := client.ReplayFlow(ctx, name)
	if err != nil {
		return err
	}
	view := replayedJSON{Events: replayed.Events, Jobs: replayed.Jobs, Failed: replayed.Failed}
	if replayed.LastFault != nil {
		view.Fault = replayed.LastFault.Error()
	}
	if asJSON(c) {
		err = errors.Join(writeJSON(c, view), err)
	} else {
		err = errors.Join(say(c, "%s", replayedText(name, replayed)), err)
	}
	if err == nil && replayed.Failed > 0 {
		return silently(exitFailure, fmt.Errorf("flow %s failed again: %w", name, replayed.LastFault))
	}
	return err
}

// replayedText describes the result of a replay.
func replayedText(name string, r deliveryclient.Replayed) string {
	text := fmt.Sprintf("replayed %s for flow %s: %s", plural(int64(r.Events), "event"), name, manyJobs(int64(r.Jobs)))
	if r.Failed > 0 {
		text += fmt.Sprintf("\n%s still kept: the flow failed again; last error: %s", plural(int64(r.Failed), "event"),
			firstLineOf(r.LastFault.Error()))
	}
	return text
}

func showFlow(ctx context.Context, s *session) error {
	c := s.cli
	name, err := oneArg(c, "a flow's name")
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	f, err := opened.Deliveries.Flow(ctx, name)
	if err != nil {
		return err
	}
	versions, err := opened.Deliveries.FlowVersionsOf(ctx, name)
	if err != nil {
		return fmt.Errorf("read the versions of flow %s: %w", name, err)
	}
	kept, err := opened.Deliveries.FlowFaults(ctx)
	if err != nil {
		return err
	}
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return err
	}
	view, _ := flowView(s, workers, f, kept)
	for _, v := range versions {
		spec := json.RawMessage(v.Spec)
		if spec == nil {
			spec = json.RawMessage("null")
		}
		view.Versions = append(view.Versions, flowVersionJSON{Version: v.Version, At: v.At, By: v.By, Spec: spec})
	}
	if asJSON(c) {
		return writeJSON(c, view)
	}
	var spec bytes.Buffer
	if err := json.Indent(&spec, f.Spec, "", "  "); err != nil {
		return fmt.Errorf("read flow %s: %w", name, err)
	}
	if err := errors.Join(faultLines(c, view), say(c, "%s\n", spec.String())); err != nil {
		return err
	}
	table := terminal.NewTable("VERSION", "CREATED", "CREATED BY", "STATUS")
	for _, v := range view.Versions {
		is := "superseded"
		switch {
		case string(v.Spec) == "null":
			is = "removed"
		case v.Version == f.Version:
			is = "current"
		}
		table.Row(terminal.Ordinal(v.Version), when(&v.At), orDash(v.By), is)
	}
	return table.Write(c.App.Writer)
}
