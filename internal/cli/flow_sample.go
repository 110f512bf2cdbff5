package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/internal/inbound"
)

// sampleFlags select the event that flows are tested with.
func sampleFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name:  "event",
			Usage: "event as a `JSON` object, @FILE, or - for standard input; this or --import is required",
		},
		&cli.StringFlag{Name: "import", Usage: "test with a sample end of an import by importer `NAME`"},
		&cli.StringFlag{
			Name: "end", Usage: "with --import: `STATUS` of its end, one of " + strings.Join(flow.Ends(), ", "),
			DefaultText: flow.EndCompleted,
		},
		&cli.StringFlag{
			Name: "table", Usage: "with --import: test with a sample row of `TABLE` instead, such as imported_pages",
		},
	}
}

// sampleEvent is the JSON form of --event.
type sampleEvent struct {
	ID         string          `json:"id"`
	Source     string          `json:"source"`
	Name       string          `json:"name"`
	Version    string          `json:"version"`
	Context    json.RawMessage `json:"context"`
	Data       json.RawMessage `json:"data"`
	SentAt     time.Time       `json:"sent_at"`
	ReceivedAt time.Time       `json:"received_at"`
}

// sampleOf returns the event that flows are tested with.
func sampleOf(s *session) (destinations.Event, error) {
	c := s.cli
	if c.IsSet("import") {
		return sampleOfImport(s)
	}
	if c.IsSet("end") || c.IsSet("table") {
		return destinations.Event{}, errors.New("--end and --table require --import")
	}
	const advice = "an event, such as --event @event.json, or an importer, such as --import csv"
	if err := requireFlag(c, "event", advice); err != nil {
		return destinations.Event{}, err
	}
	text, err := readText(c, "event", c.String("event"))
	if err != nil {
		return destinations.Event{}, err
	}
	sample := sampleEvent{ID: "sample"}
	if err := inbound.Decode(inbound.Subject{Object: "the event", Field: "field"}, text, &sample); err != nil {
		return destinations.Event{}, fmt.Errorf("--event: %w", err)
	}
	return destinations.Event{
		ID: sample.ID, Source: sample.Source, Name: sample.Name, Version: sample.Version, Context: sample.Context,
		Data: sample.Data, SentAt: sample.SentAt, ReceivedAt: sample.ReceivedAt,
	}, nil
}

// sampleOfImport returns a sample end or row of an import.
func sampleOfImport(s *session) (e destinations.Event, err error) {
	c := s.cli
	if c.IsSet("event") {
		return e, errors.New("--event and --import exclude each other")
	}
	importer := c.String("import")
	if _, err := s.known.Importers.Lookup(importer); err != nil {
		return e, fmt.Errorf("--import: %w", err)
	}
	end := ""
	if c.IsSet("end") {
		if end = c.String("end"); !slices.Contains(flow.Ends(), end) {
			return e, fmt.Errorf("--end %s: want one of %s", end, strings.Join(flow.Ends(), ", "))
		}
	}
	table := ""
	if c.IsSet("table") {
		if end != "" {
			return e, errors.New("--end and --table exclude each other")
		}
		if table = c.String("table"); table == "" {
			return e, errors.New("--table: want the name of a table, such as imported_pages")
		}
	}
	if e, err = flow.SampleOfImport(importer, end, table); err != nil && table != "" {
		err = fmt.Errorf("--table: %w", err)
	}
	return e, err
}
