package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
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
	// Workers is the number of live workers that have the destination.
	Workers int `json:"workers"`
	// Registered says that this program has the destination. Otherwise only the names of its actions
	// are known.
	Registered bool `json:"registered"`
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
	// Workers is the number of live workers that have the action.
	Workers int `json:"workers"`
}

// destinationView reads the settings and job counts of a destination. d is nil if this program does not
// have it.
func (s *session) destinationView(
	ctx context.Context, name string, d destinations.Destination,
) (destinationJSON, error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return destinationJSON{}, err
	}
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return destinationJSON{}, err
	}
	settings, err := opened.Deliveries.Settings(ctx, name)
	if err != nil {
		return destinationJSON{}, err
	}
	waiting, err := waitingViews(ctx, opened, name)
	if err != nil {
		return destinationJSON{}, err
	}
	counts, err := opened.Deliveries.JobStats(ctx, deliverystore.JobFilter{Destinations: []string{name}})
	if err != nil {
		return destinationJSON{}, err
	}
	view := destinationJSON{
		Name: name, Versions: []versionJSON{}, Paused: settings[""].Paused, Jobs: map[string]int64{}, Connections: waiting,
		Workers: len(workers.WithDestination(name)), Actions: []actionJSON{},
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
	if d != nil {
		o := d.Options()
		view.Registered, view.Label, view.DefaultVersion, view.Versions = true, d.Label(), o.DefaultVersion, versionViews(o)
		for _, a := range d.Actions() {
			view.Actions = append(view.Actions, actionView(d, a, settings, byAction[a.Name()]))
		}
	} else {
		view.addOffered(workers, settings, byAction)
	}
	for i := range view.Actions {
		view.Actions[i].Workers = len(workers.WithAction(name, view.Actions[i].Name))
	}
	return view, nil
}

// addOffered adds the label and the actions of a destination that this program does not have: those that
// live workers offer, and those that have jobs.
func (v *destinationJSON) addOffered(
	workers store.Workers, settings map[string]deliverystore.Settings, jobs map[string]map[string]int64,
) {
	names := slices.Collect(maps.Keys(jobs))
	for _, offered := range workers.Offers().Destinations {
		if offered.Name == v.Name {
			v.Label = offered.Label
			names = append(names, offered.Actions...)
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		a := actionJSON{Name: name, Paused: settings[""].Paused || settings[name].Paused, Jobs: jobs[name]}
		if a.Jobs == nil {
			a.Jobs = map[string]int64{}
		}
		v.Actions = append(v.Actions, a)
	}
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
	d destinations.Destination, a destinations.Action, settings map[string]deliverystore.Settings,
	jobs map[string]int64,
) actionJSON {
	// The plan ignores an invalid setting; Fault reports it.
	p, fault := destinations.PlanOf(d, a, deliveryacts.SettingsOf(settings))
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
	names, err := s.destinationNames(ctx)
	if err != nil {
		return err
	}
	views := []destinationJSON{}
	for _, name := range names {
		d, _ := s.known.Destinations.Lookup(name) //nolint:errcheck // nil for one of another program
		view, err := s.destinationView(ctx, name, d)
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	s.withWorkflows(ctx, views...)
	if asJSON(c) {
		return writeJSON(c, views)
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

// destinationNames returns the destinations of this program and of live workers, and those with
// unfinished jobs, sorted.
func (s *session) destinationNames(ctx context.Context) ([]string, error) {
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := s.store.Deliveries.JobStats(ctx, deliverystore.JobFilter{States: []string{
		deliverystore.JobAcknowledged, deliverystore.JobAwaiting, deliverystore.JobExecuting, deliverystore.JobFailed,
		deliverystore.JobUnknown, deliverystore.JobHeld,
	}})
	names := append(s.known.Destinations.Names(), destinationsOf(workers.Offers())...)
	for _, n := range counts {
		names = append(names, n.Destination)
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), err
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
	case v.Workers == 0:
		return terminal.Coloured{Text: stateNoWorker, Colour: terminal.Red}
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
	d, err := s.shownDestination(ctx, name)
	if err != nil {
		return err
	}
	view, err := s.destinationView(ctx, name, d)
	if err != nil {
		return err
	}
	s.withWorkflows(ctx, view)
	if asJSON(c) {
		return writeJSON(c, view)
	}
	return writeDestination(c, view)
}

// shownDestination is requireDestination for one that may also have nothing but jobs.
func (s *session) shownDestination(ctx context.Context, name string) (destinations.Destination, error) {
	d, err := s.requireDestination(ctx, name)
	if err == nil || s.store == nil {
		return d, err
	}
	jobs, failed := s.store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{Destinations: []string{name}})
	if failed == nil && jobs > 0 {
		return d, nil
	}
	return d, errors.Join(err, failed)
}

func writeDestination(c *cli.Context, v destinationJSON) error {
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
func workersText(v destinationJSON) string {
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
