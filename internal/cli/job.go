package cli

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
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
			Flags: []cli.Flag{outputFlag()}, Action: withArg(jobArg, (*session).jobs, showJob),
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

// jobs returns the operations on jobs, once the store answers.
func (s *session) jobs(ctx context.Context) (deliveryclient.Jobs, error) {
	opened, err := s.Store(ctx)
	return deliveryclient.Jobs{Store: opened}, err
}

func listJobs(ctx context.Context, s *session) error {
	c := s.cli
	filter, _, err := jobPick(c)
	if err != nil {
		return err
	}
	page, err := pageOf(c)
	if err != nil {
		return err
	}
	jobs, err := s.jobs(ctx)
	if err != nil {
		return err
	}
	if c.Bool("count") {
		n, err := jobs.Count(ctx, filter)
		return answerCount(c, n, err)
	}
	views, err := jobs.List(ctx, filter, page)
	if err != nil {
		return err
	}
	if written, err := withoutTable(c, views, len(views), "jobs", "No jobs found."); written {
		return err
	}
	if err := jobsTable(views).Write(c.App.Writer); err != nil {
		return err
	}
	return nextPage(c, len(views), views[len(views)-1].ID)
}

func jobsTable(views []deliveryclient.Job) *terminal.Table {
	table := terminal.NewTable("ID", "DESTINATION", "ACTION", "STATE", "ATTEMPTS", "CREATED", "NEXT RUN", "REASON")
	for _, v := range views {
		table.Row(v.ID, v.Destination, v.Action, jobCell(v.State), v.Attempt, when(&v.CreatedAt), when(v.DueAt),
			brief(jobReason(v), 80))
	}
	return table
}

// jobReason is why a job is in its state.
func jobReason(v deliveryclient.Job) string {
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

func countJobs(ctx context.Context, s *session) error {
	c := s.cli
	filter, _, err := jobPick(c)
	if err != nil {
		return err
	}
	jobs, err := s.jobs(ctx)
	if err != nil {
		return err
	}
	count := jobs.Stats
	if c.Bool("hourly") {
		count = jobs.StatsByHour
	}
	views, err := count(ctx, filter)
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

func hoursTable(views []deliveryclient.JobCount) *terminal.Table {
	table := terminal.NewTable("HOUR", "DESTINATION", "STATE", "JOBS")
	for _, v := range views {
		table.Row(when(v.Hour), v.Destination, jobCell(v.State), v.Jobs)
	}
	return table
}
