package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

func eventCommand() *cli.Command {
	return group("event", "send, list and purge events",
		&cli.Command{
			Name: "list", Usage: "list events, newest first",
			Description: "Job filters, from --destination on, select events with a matching job.",
			Flags: slices.Concat(eventListFlags(), jobFilterFlags(), pageFlags(),
				[]cli.Flag{notificationsFlag(), countFlag(), outputFlag()}),
			Action: withSession(listEvents),
		},
		&cli.Command{
			Name: "show", Usage: "show an event, its parts and its jobs", ArgsUsage: "ID",
			Flags: []cli.Flag{outputFlag()}, Action: withArg(named("an event ID"), (*session).events, showEvent),
		},
		sendCommand(),
		purgeCommand(),
	)
}

// events returns the operations on events, once the store answers.
func (s *session) events(ctx context.Context) (deliveryclient.Events, error) {
	opened, err := s.Store(ctx)
	return deliveryclient.Events{Store: opened}, err
}

func listEvents(ctx context.Context, s *session) error {
	c := s.cli
	filter, err := eventFilter(c)
	if err != nil {
		return err
	}
	if !c.Bool("notifications") {
		filter = deliveryclient.WithoutNotifications(filter)
	}
	page, err := pageOf(c)
	if err != nil {
		return err
	}
	stored, err := s.events(ctx)
	if err != nil {
		return err
	}
	if c.Bool("count") {
		n, err := stored.Count(ctx, filter)
		return answerCount(c, n, err)
	}
	events, err := stored.List(ctx, filter, page)
	if err != nil {
		return err
	}
	if written, err := withoutTable(c, events, len(events), "events", "No events found."); written {
		return err
	}
	table := terminal.NewTable("ID", "SOURCE", "NAME", "VERSION", "RECEIVED", "JOBS")
	for _, e := range events {
		table.Row(e.ID, e.Source, orDash(e.Name), orDash(e.Version), when(&e.ReceivedAt), e.JobCount)
	}
	if err := table.Write(c.App.Writer); err != nil {
		return err
	}
	return nextPage(c, len(events), events[len(events)-1].ID)
}

func showEvent(ctx context.Context, s *session, id string, stored deliveryclient.Events) error {
	c := s.cli
	view, err := stored.Show(ctx, id)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, view)
	}
	return writeEvent(c, view)
}

func writeEvent(c *cli.Context, v deliveryclient.EventDetails) error {
	lines := [][2]string{
		{"Event", v.ID},
		{"Source", v.Source},
		{"Name", v.Name},
		{"Version", v.Version},
		{"Part of", orNone(v.ParentID)},
		{"Key", orNone(v.IdempotencyKey)},
		{"Sent", momentOr(v.SentAt)},
		{"Received", when(&v.ReceivedAt)},
		{"Context", compact(v.Context)},
		{"Data", compact(v.Data)},
	}
	for _, part := range v.Parts {
		lines = append(lines, [2]string{"Part", fmt.Sprintf("%s, %s", part.ID, manyJobs(part.JobCount))})
	}
	if err := writeLines(c, lines); err != nil {
		return err
	}
	if len(v.Jobs) == 0 {
		return say(c, "\nNo jobs found.")
	}
	if err := say(c, ""); err != nil {
		return err
	}
	return jobsTable(v.Jobs).Write(c.App.Writer)
}
