package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
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
			Flags: []cli.Flag{outputFlag()}, Action: withSession(showEvent),
		},
		sendCommand(),
		purgeCommand(),
	)
}

// listedEventJSON is the JSON form of a listed event. Fields are only ever added.
type listedEventJSON struct {
	ID             string     `json:"id"`
	Source         string     `json:"source"`
	Name           string     `json:"name"`
	Version        string     `json:"version"`
	ParentID       *string    `json:"parent_id"`
	IdempotencyKey *string    `json:"idempotency_key"`
	SentAt         *time.Time `json:"sent_at"`
	ReceivedAt     time.Time  `json:"received_at"`
	// JobCount is the number of its own jobs, without those of its parts.
	JobCount int64 `json:"job_count"`
}

func listedEventView(e deliverystore.ListedEvent) listedEventJSON {
	return listedEventJSON{
		ID: e.ID, Source: e.Source, Name: e.Name, Version: e.Version, ParentID: e.ParentEventID,
		IdempotencyKey: e.IdempotencyKey, SentAt: e.SentAt, ReceivedAt: e.ReceivedAt, JobCount: e.Jobs,
	}
}

func listEvents(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	filter, err := eventFilter(c)
	if err != nil {
		return err
	}
	if !c.Bool("notifications") && !slices.Contains(filter.Sources, dispatchstore.SourceSluice) {
		filter.NotSources = append(filter.NotSources, dispatchstore.SourceSluice)
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
		n, err := opened.Deliveries.CountEvents(ctx, filter)
		return answerCount(c, n, err)
	}
	events, err := opened.Deliveries.ListEvents(ctx, filter, page)
	if err != nil {
		return err
	}
	if asJSON(c) {
		views := make([]listedEventJSON, len(events))
		for i, e := range events {
			views[i] = listedEventView(e)
		}
		return writeJSON(c, views)
	}
	if len(events) == 0 {
		return nothing(c, "events", "No events found.")
	}
	table := terminal.NewTable("ID", "SOURCE", "NAME", "VERSION", "RECEIVED", "JOBS")
	for _, e := range events {
		table.Row(e.ID, e.Source, orDash(e.Name), orDash(e.Version), when(&e.ReceivedAt), e.Jobs)
	}
	if err := table.Write(c.App.Writer); err != nil {
		return err
	}
	return nextPage(c, len(events), events[len(events)-1].ID)
}

// eventJSON is the JSON form of an event. Fields are only ever added.
type eventJSON struct {
	listedEventJSON

	Context json.RawMessage   `json:"context"`
	Data    json.RawMessage   `json:"data"`
	Parts   []listedEventJSON `json:"parts"`
	Jobs    []listedJobJSON   `json:"jobs"`
}

func showEvent(ctx context.Context, s *session) error {
	c := s.cli
	id, err := oneArg(c, "an event ID")
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	workers, err := s.liveWorkers(ctx)
	if err != nil {
		return err
	}
	view, err := eventView(ctx, opened, workers, id)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, view)
	}
	return writeEvent(c, view)
}

// eventView reads an event with its newest parts and jobs.
func eventView(ctx context.Context, opened *dispatchstore.Store, workers store.Workers, id string) (eventJSON, error) {
	e, err := opened.Deliveries.Event(ctx, id)
	if err != nil {
		return eventJSON{}, err
	}
	most := deliverystore.Page{Limit: deliverystore.MaxPage}
	jobs, err := opened.Deliveries.ListJobs(ctx, deliverystore.JobFilter{EventID: id}, most)
	if err != nil {
		return eventJSON{}, err
	}
	parts, err := opened.Deliveries.ListEvents(ctx, deliverystore.EventFilter{ParentID: id}, most)
	if err != nil {
		return eventJSON{}, err
	}
	view := eventJSON{
		listedEventJSON: listedEventJSON{
			ID: e.ID, Source: e.Source, Name: e.Name, Version: e.Version, ParentID: e.ParentEventID,
			IdempotencyKey: e.IdempotencyKey, SentAt: e.SentAt, ReceivedAt: e.ReceivedAt, JobCount: int64(len(jobs)),
		},
		Context: e.Context, Data: e.Data, Parts: []listedEventJSON{},
	}
	for _, part := range parts {
		view.Parts = append(view.Parts, listedEventView(part))
	}
	view.Jobs, err = listedJobViews(workers, jobs)
	return view, err
}

func writeEvent(c *cli.Context, v eventJSON) error {
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
