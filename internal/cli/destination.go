package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/store"
)

func destinationCommand() *cli.Command {
	return group("destination", "show and control destinations, the receivers of jobs", append([]*cli.Command{
		{
			Name: "list", Usage: "list destinations with their states and jobs",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(listDestinations),
		},
		{
			Name: "show", Usage: "show a destination with its actions and connections", ArgsUsage: "NAME",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(showDestination),
		},
	}, destinationControlCommands()...)...)
}

// destinationJSON is the JSON form of a destination. Fields are only ever added.
type destinationJSON struct {
	Name           string           `json:"name"`
	Label          string           `json:"label"`
	Versions       []versionJSON    `json:"versions"`
	DefaultVersion string           `json:"default_version"`
	Paused         bool             `json:"paused"`
	Jobs           map[string]int64 `json:"jobs"`
	Due            int64            `json:"due"`
	OldestDue      *time.Time       `json:"oldest_due"`
	Actions        []actionJSON     `json:"actions"`
	// Connections are the connections of waiting jobs.
	Connections []waitingJSON `json:"connections"`
}

// versionJSON is a version of a destination's jobs.
type versionJSON struct {
	Name            string     `json:"name"`
	DeprecatedSince *time.Time `json:"deprecated_since"`
}

// actionJSON is an action with its effective settings: the program's, overridden by the operator's.
type actionJSON struct {
	Name     string `json:"name"`
	Paused   bool   `json:"paused"`
	Realtime bool   `json:"realtime"`
	Interval string `json:"interval"`
	TimeZone string `json:"time_zone"`
	// Next is the next scheduled run. It is null for @every intervals, which count from the
	// workflow's last run.
	Next           *time.Time `json:"next"`
	MaxRetries     int        `json:"max_retries"`
	InitialBackoff float64    `json:"initial_backoff_seconds"`
	MaxBackoff     float64    `json:"max_backoff_seconds"`
	Concurrency    int        `json:"concurrency"`
	RatePerSecond  float64    `json:"rate_per_second"`
	BatchSize      int        `json:"batch_size"`
	TimeoutSeconds float64    `json:"timeout_seconds"`
	RedriveUnknown bool       `json:"redrive_unknown"`
	Fault          string     `json:"fault"`
	// Workflow is the state of the action's workflow: running, not running, failing or, if
	// Temporal does not answer, unknown.
	Workflow string `json:"workflow"`
	// WorkflowFault explains a workflow that is not running.
	WorkflowFault string           `json:"workflow_fault"`
	Jobs          map[string]int64 `json:"jobs"`
}

// destinationView reads the settings and job counts of a destination.
func destinationView(ctx context.Context, opened *store.Store, d destinations.Destination) (destinationJSON, error) {
	settings, err := opened.Settings(ctx, d.Name())
	if err != nil {
		return destinationJSON{}, err
	}
	waiting, err := waitingViews(ctx, opened, d.Name())
	if err != nil {
		return destinationJSON{}, err
	}
	counts, err := opened.JobStats(ctx, store.JobFilter{Destinations: []string{d.Name()}})
	if err != nil {
		return destinationJSON{}, err
	}
	o := d.Options()
	view := destinationJSON{
		Name: d.Name(), Label: d.Label(), DefaultVersion: o.DefaultVersion, Versions: versionViews(o),
		Paused: settings[""].Paused, Jobs: map[string]int64{}, Connections: waiting,
	}
	byAction := map[string]map[string]int64{}
	for _, n := range counts {
		view.Jobs[n.State] += n.Jobs
		view.Due += n.Due
		if n.OldestDue != nil && (view.OldestDue == nil || n.OldestDue.Before(*view.OldestDue)) {
			view.OldestDue = n.OldestDue
		}
		if byAction[n.Action] == nil {
			byAction[n.Action] = map[string]int64{}
		}
		byAction[n.Action][n.State] = n.Jobs
	}
	for _, a := range d.Actions() {
		view.Actions = append(view.Actions, actionView(d, a, settings, byAction[a.Name()]))
	}
	return view, nil
}

func versionViews(o destinations.Options) []versionJSON {
	views := []versionJSON{}
	for name, since := range o.Versions {
		v := versionJSON{Name: name}
		if !since.IsZero() {
			v.DeprecatedSince = &since
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b versionJSON) int { return strings.Compare(a.Name, b.Name) })
	return views
}

func actionView(
	d destinations.Destination, a destinations.Action, settings map[string]store.DestinationSettings,
	jobs map[string]int64,
) actionJSON {
	// The plan ignores an invalid setting; Fault reports it.
	p, fault := destinations.PlanOf(d, a, settings)
	view := actionJSON{
		Name: a.Name(), Paused: p.Paused, Realtime: p.Realtime, Interval: p.Interval, TimeZone: p.TimeZone,
		MaxRetries: int(*p.MaxRetries), InitialBackoff: p.InitialBackoff.Seconds(), MaxBackoff: p.MaxBackoff.Seconds(),
		Concurrency: p.Concurrency, RatePerSecond: p.RatePerSecond, BatchSize: p.BatchSize,
		TimeoutSeconds: p.Timeout.Seconds(), RedriveUnknown: p.RedriveUnknown, Jobs: jobs,
	}
	next, err := p.Next(time.Now())
	if err == nil && !strings.HasPrefix(p.Interval, "@every") {
		view.Next = &next
	}
	if fault := destinations.Join(fault, err); fault != nil {
		view.Fault = fault.Error()
	}
	if view.Jobs == nil {
		view.Jobs = map[string]int64{}
	}
	return view
}

func listDestinations(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	views := []destinationJSON{}
	for _, d := range s.known.Destinations.All() {
		view, err := destinationView(ctx, opened, d)
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	s.withWorkflows(ctx, views...)
	if asJSON(c) {
		return writeJSON(c, views)
	}
	table := terminal.NewTable("NAME", "LABEL", "STATE", "DUE", "DUE SINCE", "FAILED", "UNKNOWN", "HELD", "ACTIONS")
	for _, v := range views {
		names := make([]string, len(v.Actions))
		for i, a := range v.Actions {
			names[i] = a.Name
		}
		table.Row(v.Name, v.Label, destinationCell(v), v.Due, when(v.OldestDue), v.Jobs[store.JobFailed],
			v.Jobs[store.JobUnknown], v.Jobs[store.JobHeld], strings.Join(names, ", "))
	}
	return table.Write(c.App.Writer)
}

func destinationCell(v destinationJSON) terminal.Coloured {
	paused := 0
	for _, a := range v.Actions {
		if a.Paused {
			paused++
		}
	}
	standing := v.workflowState()
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
	case standing != workflowRunning:
		return terminal.Coloured{Text: standing, Colour: terminal.Red}
	default:
		return terminal.Coloured{Text: "active", Colour: terminal.Green}
	}
}

func showDestination(ctx context.Context, s *session) error {
	c := s.cli
	name, err := oneArg(c, "a destination's name")
	if err != nil {
		return err
	}
	d, err := s.known.Destinations.Lookup(name)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	view, err := destinationView(ctx, opened, d)
	if err != nil {
		return err
	}
	s.withWorkflows(ctx, view)
	if asJSON(c) {
		return writeJSON(c, view)
	}
	return writeDestination(c, view)
}

func writeDestination(c *cli.Context, v destinationJSON) error {
	w, state := c.App.Writer, destinationCell(v)
	lines := [][2]string{
		{"Destination", v.Name + ", " + v.Label},
		{"State", terminal.Paint(w, state.Colour, state.Text)},
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
	for _, state := range store.JobStates() {
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
		"ACTION", "STATE", "SCHEDULE", "TIME ZONE", "MAX RETRIES", "CONCURRENCY", "JOBS/S", "BATCH SIZE", "UNKNOWN JOBS")
	for _, a := range v.Actions {
		table.Row(a.Name, actionCell(a), scheduleText(a), a.TimeZone, a.MaxRetries, a.Concurrency,
			rateText(a.RatePerSecond), a.BatchSize, redriven(a.RedriveUnknown))
	}
	if err := table.Write(w); err != nil || len(v.Connections) == 0 {
		return err
	}
	return writeWaiting(c, v.Connections)
}

func pausedCell(paused bool) terminal.Coloured {
	if paused {
		return terminal.Coloured{Text: "paused", Colour: terminal.Yellow}
	}
	return terminal.Coloured{Text: "active", Colour: terminal.Green}
}

func scheduleText(a actionJSON) string {
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
