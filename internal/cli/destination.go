package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func destinationCommand() *cli.Command {
	return group("destination", "show and control destinations, the receivers of jobs", append([]*cli.Command{
		{
			Name: "list", Usage: "list destinations with their states and jobs",
			Flags: []cli.Flag{
				textFlag("destinations", "name or label"),
				stateFlag("destinations", deliveryclient.DestinationStates()), outputFlag(),
			},
			Action: withArg(destinationFilter, (*session).destinations, listDestinations),
		},
		{
			Name: "show", Usage: "show a destination with its actions and connections", ArgsUsage: "NAME",
			Flags:  []cli.Flag{outputFlag()},
			Action: withArg(named("a destination's name"), (*session).destinations, showDestination),
		},
	}, destinationControlCommands()...)...)
}

// destinations returns the operations on destinations, once the store answers.
func (s *session) destinations(ctx context.Context) (deliveryclient.Destinations, error) {
	opened, err := s.Store(ctx)
	return deliveryclient.Destinations{Store: opened, Registry: s.known.Destinations, Client: s.Deliveries}, err
}

func destinationFilter(c *cli.Context) (deliveryclient.DestinationFilter, error) {
	state, err := chosenState(c, deliveryclient.DestinationStates())
	return deliveryclient.DestinationFilter{State: state, Text: c.String("text")}, err
}

func listDestinations(
	ctx context.Context, s *session, filter deliveryclient.DestinationFilter, all deliveryclient.Destinations,
) error {
	c := s.cli
	views, err := all.List(ctx, filter)
	if err != nil {
		return err
	}
	written, err := withoutTable(c, views, len(views), "destinations",
		"No destinations found. Workers bring them: start `sluice worker`.")
	if written {
		return err
	}
	table := terminal.NewTable(
		"NAME", "LABEL", "STATE", "WORKERS", "DUE", "DUE SINCE", "FAILED", "UNKNOWN", "HELD", "ACTIONS")
	for _, v := range views {
		names := make([]string, len(v.Actions))
		for i, a := range v.Actions {
			names[i] = a.Name
		}
		table.Row(v.Name, orDash(v.Label), destinationCell(v), v.Workers, v.Due, when(v.OldestDue),
			v.Jobs[deliverystore.JobFailed],
			v.Jobs[deliverystore.JobUnknown], v.Jobs[deliverystore.JobHeld], strings.Join(names, ", "))
	}
	return table.Write(c.App.Writer)
}

func destinationCell(v deliveryclient.Destination) terminal.Coloured {
	paused := 0
	for _, a := range v.Actions {
		if a.Paused {
			paused++
		}
	}
	standing := v.WorkflowState()
	switch {
	case paused > 0 && paused < len(v.Actions):
		return terminal.Coloured{Text: "partly paused", Colour: terminal.Yellow}
	case v.Paused || paused > 0:
		return terminal.Coloured{Text: "paused", Colour: terminal.Yellow}
	}
	switch open, paused := countStates(v.Connections); {
	case open > 0 && open == len(v.Connections):
		return terminal.Coloured{Text: "circuit open", Colour: terminal.Red}
	case open > 0:
		return terminal.Coloured{Text: "circuit partly open", Colour: terminal.Red}
	case paused > 0:
		return terminal.Coloured{Text: "partly paused", Colour: terminal.Yellow}
	case v.Workers == 0:
		return terminal.Coloured{Text: stateNoWorker, Colour: terminal.Red}
	case standing != deliveryclient.WorkflowRunning:
		return terminal.Coloured{Text: standing, Colour: terminal.Red}
	default:
		return terminal.Coloured{Text: "active", Colour: terminal.Green}
	}
}

func showDestination(ctx context.Context, s *session, name string, all deliveryclient.Destinations) error {
	c := s.cli
	view, err := all.Show(ctx, name)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, view)
	}
	return writeDestination(c, view)
}

func writeDestination(c *cli.Context, v deliveryclient.Destination) error {
	w, state := c.App.Writer, destinationCell(v)
	lines := [][2]string{
		{"Destination", strings.TrimSuffix(v.Name+", "+v.Label, ", ")},
		{"State", terminal.Paint(w, state.Colour, state.Text)},
		{"Workers", workersText(v)},
	}
	for _, version := range v.Versions {
		text := version.Name
		if version.Name == v.DefaultVersion {
			text += ", the default"
		}
		if version.DeprecatedSince != nil {
			text += ", deprecated since " + version.DeprecatedSince.UTC().Format(time.DateOnly)
		}
		lines = append(lines, [2]string{"Version", text})
	}
	var jobs []string
	for _, state := range deliverystore.JobStates() {
		if n := v.Jobs[state]; n > 0 {
			jobs = append(jobs, humanize.Comma(n)+" "+state)
		}
	}
	lines = append(lines, [2]string{"Jobs", strings.Join(jobs, ", ")})
	for _, a := range v.Actions {
		if a.WorkflowFault != "" {
			fault := terminal.Paint(w, terminal.Red, terminal.Line(a.WorkflowFault))
			lines = append(lines, [2]string{"Workflow", a.Name + ": " + fault})
		}
		if a.Fault != "" {
			lines = append(lines, [2]string{"Fault", a.Name + ": " + terminal.Paint(w, terminal.Red, a.Fault)})
		}
	}
	if err := writeLines(c, lines); err != nil {
		return err
	}
	if err := say(c, ""); err != nil {
		return err
	}
	table := terminal.NewTable(
		"ACTION", "STATE", "WORKERS", "SCHEDULE", "TIME ZONE", "MAX RETRIES", "CONCURRENCY", "JOBS/S", "BATCH SIZE",
		"UNKNOWN JOBS")
	for _, a := range v.Actions {
		if !v.Registered {
			table.Row(a.Name, actionCell(a), a.Workers, "-", "-", "-", "-", "-", "-", "-")
			continue
		}
		table.Row(a.Name, actionCell(a), a.Workers, scheduleText(a), a.TimeZone, a.MaxRetries, a.Concurrency,
			rateText(a.RatePerSecond), a.BatchSize, redriven(a.RedriveUnknown))
	}
	if err := table.Write(w); err != nil || len(v.Connections) == 0 {
		return err
	}
	return writeWaiting(c, v.Connections)
}

// workersText is the number of live workers, and what follows if there are none or if this program does
// not have the destination.
func workersText(v deliveryclient.Destination) string {
	text := fmt.Sprint(v.Workers)
	if v.Workers == 0 {
		text += fmt.Sprintf("; no live worker offers destination %s: jobs wait for one", v.Name)
	}
	if !v.Registered {
		text += "; this program does not have the destination: its settings are shown by a program that has it"
	}
	return text
}

func pausedCell(paused bool) terminal.Coloured {
	if paused {
		return terminal.Coloured{Text: "paused", Colour: terminal.Yellow}
	}
	return terminal.Coloured{Text: "active", Colour: terminal.Green}
}

// actionCell is the state of an action.
func actionCell(a deliveryclient.Action) terminal.Coloured {
	if a.Workers == 0 && !a.Paused {
		return terminal.Coloured{Text: stateNoWorker, Colour: terminal.Red}
	}
	if a.Workflow == deliveryclient.WorkflowNotRunning || a.Workflow == deliveryclient.WorkflowFailing {
		return terminal.Coloured{Text: a.Workflow, Colour: terminal.Red}
	}
	return pausedCell(a.Paused)
}

func scheduleText(a deliveryclient.Action) string {
	if a.Realtime {
		return "realtime, " + a.Interval
	}
	return a.Interval
}

func rateText(rate float64) string {
	if rate == 0 {
		return "no limit"
	}
	return fmt.Sprintf("%g", rate)
}

func redriven(again bool) string {
	if again {
		return "retried"
	}
	return "kept for an operator"
}
