package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/internal/terminal"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

func flowCommand() *cli.Command {
	return group("flow", "manage flows, the rules that turn events into jobs",
		&cli.Command{
			Name: "list", Usage: "list applied flows",
			Flags: []cli.Flag{
				textFlag("flows", "name, source, event or actions"), stateFlag("flows", deliveryclient.FlowStates()),
				outputFlag(),
			},
			Action: withArg(flowFilter, (*session).storedFlows, listFlows),
		},
		&cli.Command{
			Name: "show", Usage: "show a flow and its versions", ArgsUsage: "NAME", Flags: []cli.Flag{outputFlag()},
			Action: withArg(named("a flow's name"), (*session).storedFlows, showFlow),
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
			Flags:       []cli.Flag{outputFlag()}, Action: withArg(named("a flow's name"), (*session).Deliveries, replayFlow),
		},
	)
}

func flowFileFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "file", Aliases: []string{"f"}, Usage: "read flows from a YAML `FILE`, or - for standard input; required",
	}
}

// flows returns the operations on flows. They open the store when they need it.
func (s *session) flows() deliveryclient.Flows {
	return deliveryclient.Flows{
		Store: s.store, Registry: s.known.Destinations, Workers: s.liveWorkers, Client: s.Deliveries,
	}
}

// storedFlows returns the operations on flows, once the store answers.
func (s *session) storedFlows(ctx context.Context) (deliveryclient.Flows, error) {
	_, err := s.Store(ctx)
	return s.flows(), err
}

// readFlows reads and compiles the flows of --file.
func readFlows(ctx context.Context, s *session) (deliveryclient.FlowSet, error) {
	c := s.cli
	if err := requireFlag(c, "file", "a file of flows, such as -f flows.yaml"); err != nil {
		return deliveryclient.FlowSet{}, err
	}
	name := c.String("file")
	source := name
	if name != "-" {
		source = "@" + name
	}
	text, err := readText(c, "file", source)
	if err != nil {
		return deliveryclient.FlowSet{}, err
	}
	return s.flows().Parse(ctx, name, text)
}

func testFlows(ctx context.Context, s *session) error {
	c := s.cli
	set, err := readFlows(ctx, s)
	if err != nil {
		return err
	}
	event, err := sampleOf(s)
	if err != nil {
		return err
	}
	begin(c)
	decisions := set.Decide(ctx, event)
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
	views := deliveryclient.FlowDecisions(decisions)
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

func flowFilter(c *cli.Context) (deliveryclient.FlowFilter, error) {
	state, err := chosenState(c, deliveryclient.FlowStates())
	return deliveryclient.FlowFilter{State: state, Text: c.String("text")}, err
}

func listFlows(
	ctx context.Context, s *session, filter deliveryclient.FlowFilter, stored deliveryclient.Flows,
) error {
	c := s.cli
	views, err := stored.List(ctx, filter)
	if err != nil {
		return err
	}
	written, err := withoutTable(c, views, len(views), "flows",
		"No flows found. Apply a file of flows with `sluice apply -f FILE`.")
	if written {
		return err
	}
	table := terminal.NewTable("NAME", "STATE", "ACTIONS", "VERSION", "KEPT EVENTS", "UPDATED", "UPDATED BY")
	for _, v := range views {
		state := terminal.Coloured{Text: v.State, Colour: flowColours[v.State]}
		if v.State == deliveryclient.FlowNoWorker {
			state.Text = stateNoWorker
		}
		table.Row(v.Name, state, len(v.Read.To), terminal.Ordinal(v.Version), v.KeptEvents, when(&v.UpdatedAt),
			orDash(v.UpdatedBy))
	}
	return table.Write(c.App.Writer)
}

// flowColours are the colours of the states of flows.
var flowColours = map[string]terminal.Colour{
	deliveryclient.FlowActive: terminal.Green, deliveryclient.FlowDisabled: terminal.Yellow,
	deliveryclient.FlowNoWorker: terminal.Yellow, deliveryclient.FlowFailing: terminal.Red,
	deliveryclient.FlowFaulty: terminal.Red,
}

// faultLines writes the faults of a flow.
func faultLines(c *cli.Context, v deliveryclient.Flow) error {
	if v.Fault != "" {
		faulty := terminal.Paint(c.App.Writer, terminal.Red, deliveryclient.FlowFaulty)
		if err := say(c, "%s: %s\n", faulty, v.Fault); err != nil {
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

func replayFlow(ctx context.Context, s *session, name string, client *deliveryclient.Client) error {
	c := s.cli
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

func showFlow(ctx context.Context, s *session, name string, stored deliveryclient.Flows) error {
	c := s.cli
	view, err := stored.Show(ctx, name)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, view)
	}
	var spec bytes.Buffer
	if err := json.Indent(&spec, view.Spec, "", "  "); err != nil {
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
		case v.Version == view.Version:
			is = "current"
		}
		table.Row(terminal.Ordinal(v.Version), when(&v.At), orDash(v.By), is)
	}
	return table.Write(c.App.Writer)
}
