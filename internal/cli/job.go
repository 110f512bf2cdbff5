package cli

import (
	"context"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

func jobCommand() *cli.Command {
	return group("job", "manage jobs, the events on their way to a destination", append([]*cli.Command{
		{
			Name: "list", Usage: "list jobs, newest first",
			Flags:  slices.Concat(jobPickFlags(), pageFlags(), []cli.Flag{countFlag(), outputFlag()}),
			Action: withSession(listJobs),
		},
		{
			Name: "show", Usage: "show a job with its payload and history", ArgsUsage: "ID",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(showJob),
		},
		{
			Name: "stats", Usage: "count jobs by destination, action and state",
			Flags: append(jobPickFlags(),
				&cli.BoolFlag{
					Name:  "hourly",
					Usage: "count by hour, destination and state; the last 24 hours by default",
				},
				outputFlag()),
			Action: withSession(countJobs),
		},
	}, jobControlCommands()...)...)
}

// listedJobJSON is the JSON form of a listed job. Fields are only ever added.
type listedJobJSON struct {
	ID          string     `json:"id"`
	Destination string     `json:"destination"`
	Action      string     `json:"action"`
	Version     string     `json:"version"`
	EventID     string     `json:"event_id"`
	ParentJobID *string    `json:"parent_job_id"`
	ReplayOf    *string    `json:"replay_of"`
	State       string     `json:"state"`
	Attempt     int32      `json:"attempt"`
	DueAt       *time.Time `json:"due_at"`
	Error       string     `json:"error"`
	By          string     `json:"by"`
	// NoWorker says that the job waits because no live worker has its action.
	NoWorker   bool       `json:"no_worker"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	FinishedAt *time.Time `json:"finished_at"`
}

func listedJobViews(workers store.Workers, jobs []deliverystore.ListedJob) ([]listedJobJSON, error) {
	views := make([]listedJobJSON, len(jobs))
	for i, j := range jobs {
		why, err := deliverystore.ErrorOf(j.LastError)
		if err != nil {
			return nil, err
		}
		views[i] = listedJobJSON{
			ID: j.ID, Destination: j.Destination, Action: j.Action, Version: j.Version, EventID: j.EventID,
			ParentJobID: j.ParentJobID, ReplayOf: j.ReplayOf, State: j.State, Attempt: j.Attempt, DueAt: j.DueAt,
			Error: why.Message, By: why.By, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt, FinishedAt: j.FinishedAt,
			NoWorker: noAction(workers, j.State, j.Destination, j.Action),
		}
	}
	return views, nil
}

func listJobs(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	filter, _, err := jobPick(c)
	if err != nil {
		return err
	}
	page, err := pageOf(c)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	if c.Bool("count") {
		n, err := opened.Deliveries.CountJobs(ctx, filter)
		return answerCount(c, n, err)
	}
	jobs, err := opened.Deliveries.ListJobs(ctx, filter, page)
	if err != nil {
		return err
	}
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return err
	}
	views, err := listedJobViews(workers, jobs)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, views)
	}
	if len(views) == 0 {
		return nothing(c, "jobs", "No jobs found.")
	}
	if err := jobsTable(views).Write(c.App.Writer); err != nil {
		return err
	}
	return nextPage(c, len(views), views[len(views)-1].ID)
}

func jobsTable(views []listedJobJSON) *terminal.Table {
	table := terminal.NewTable("ID", "DESTINATION", "ACTION", "STATE", "ATTEMPTS", "CREATED", "NEXT RUN", "REASON")
	for _, v := range views {
		table.Row(v.ID, v.Destination, v.Action, jobCell(v.State), v.Attempt, when(&v.CreatedAt), when(v.DueAt),
			brief(v.reason(), 80))
	}
	return table
}

// reason is why the job is in its state.
func (v listedJobJSON) reason() string {
	reason := reasonOf(v.Error, v.By)
	switch {
	case v.NoWorker && reason != "":
		return reason + "; " + noActionText(v.Destination, v.Action)
	case v.NoWorker:
		return noActionText(v.Destination, v.Action)
	default:
		return reason
	}
}

// reasonOf is the reason of a job's state, after the name of the operator who set it.
func reasonOf(message, by string) string {
	if by == "" {
		return message
	}
	return by + ": " + message
}

func jobCell(state string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		deliverystore.JobSucceeded: terminal.Green, deliverystore.JobExecuting: terminal.Cyan,
		deliverystore.JobFailed:  terminal.Yellow,
		deliverystore.JobUnknown: terminal.Red, deliverystore.JobDiscarded: terminal.Red,
		deliverystore.JobHeld:      terminal.Yellow,
		deliverystore.JobCancelled: terminal.Faint,
	}
	return terminal.Coloured{Text: state, Colour: colours[state]}
}

// jobCountJSON is the JSON form of a count. Fields are only ever added.
type jobCountJSON struct {
	Hour          *time.Time `json:"hour"`
	Destination   string     `json:"destination"`
	Action        string     `json:"action"`
	State         string     `json:"state"`
	Jobs          int64      `json:"jobs"`
	Due           int64      `json:"due"`
	OldestDue     *time.Time `json:"oldest_due"`
	OldestCreated *time.Time `json:"oldest_created"`
}

func countJobs(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	filter, _, err := jobPick(c)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	views, err := jobCounts(ctx, opened, filter, c.Bool("hourly"))
	if err != nil {
		return err
	}
	switch {
	case asJSON(c):
		return writeJSON(c, views)
	case len(views) == 0:
		return nothing(c, "jobs", "No jobs found.")
	case c.Bool("hourly"):
		return hoursTable(views).Write(c.App.Writer)
	}
	table := terminal.NewTable("DESTINATION", "ACTION", "STATE", "JOBS", "DUE", "DUE SINCE", "OLDEST")
	for _, v := range views {
		table.Row(v.Destination, v.Action, jobCell(v.State), v.Jobs, v.Due, when(v.OldestDue), when(v.OldestCreated))
	}
	return table.Write(c.App.Writer)
}

func jobCounts(
	ctx context.Context, opened *dispatchstore.Store, filter deliverystore.JobFilter, hourly bool,
) ([]jobCountJSON, error) {
	views := []jobCountJSON{}
	if !hourly {
		all, err := opened.Deliveries.JobStats(ctx, filter)
		for _, n := range all {
			views = append(views, jobCountJSON{
				Destination: n.Destination, Action: n.Action, State: n.State, Jobs: n.Jobs, Due: n.Due, OldestDue: n.OldestDue,
				OldestCreated: &n.OldestCreated,
			})
		}
		return views, err
	}
	if filter.CreatedAfter.IsZero() && filter.CreatedBefore.IsZero() {
		// All hours would be a long list and a slow query.
		filter.CreatedAfter = time.Now().Add(-24 * time.Hour)
	}
	all, err := opened.Deliveries.JobsByHour(ctx, filter)
	for _, n := range all {
		views = append(views, jobCountJSON{Hour: &n.Hour, Destination: n.Destination, State: n.State, Jobs: n.Jobs})
	}
	return views, err
}

func hoursTable(views []jobCountJSON) *terminal.Table {
	table := terminal.NewTable("HOUR", "DESTINATION", "STATE", "JOBS")
	for _, v := range views {
		table.Row(when(v.Hour), v.Destination, jobCell(v.State), v.Jobs)
	}
	return table
}
