package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/starter"
)

func sendCommand() *cli.Command {
	payload := ": a `JSON` object, or @FILE, or - for standard input"
	return &cli.Command{
		Name: "send", Usage: "store an event, and the jobs that destinations make of it",
		Description: "The first --action is of the first --destination, the second of the second, and so on.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "source", Usage: "where it comes from: `NAME`; required"},
			&cli.StringFlag{Name: "name", Usage: "what it is called: `NAME`", DefaultText: "none"},
			&cli.StringFlag{Name: "event-version", Usage: "the `VERSION` of its form", DefaultText: "the destination's default"},
			&cli.StringFlag{Name: "data", Usage: "what it has to say" + payload, DefaultText: "{}"},
			&cli.StringFlag{Name: "context", Usage: "what is around it" + payload, DefaultText: "{}"},
			&cli.StringFlag{
				Name: "idempotency-key", Usage: "send nothing if the source has sent an event with this `KEY` before",
				DefaultText: "none",
			},
			&cli.StringSliceFlag{Name: "destination", Usage: "deliver it to the destination `NAME`; may be repeated"},
			&cli.StringSliceFlag{Name: "action", Usage: "by its action `NAME`; as often as --destination"},
			outputFlag(),
		},
		Action: withSession(sendEvent),
	}
}

// eventRequest is the event that the flags describe.
func eventRequest(s *session) (r starter.EventRequest, err error) {
	c := s.cli
	if err := requireFlag(c, "source", "say where it comes from, for instance --source shop"); err != nil {
		return r, err
	}
	to, by := c.StringSlice("destination"), c.StringSlice("action")
	if len(to) != len(by) {
		return r, fmt.Errorf("there are %d --destination and %d --action: want as many of both", len(to), len(by))
	}
	r = starter.EventRequest{
		Source: c.String("source"), Name: c.String("name"), Version: c.String("event-version"),
		IdempotencyKey: c.String("idempotency-key"),
	}
	for i := range to {
		if _, _, err := s.known.Destinations.LookupAction(to[i], by[i]); err != nil {
			return r, err
		}
		r.To = append(r.To, activities.ActionRef{Destination: to[i], Action: by[i]})
	}
	if c.String("data") == "-" && c.String("context") == "-" {
		return r, errors.New("--data and --context cannot both be read from standard input")
	}
	if r.Data, err = payloadFlag(c, "data"); err != nil {
		return r, err
	}
	r.Context, err = payloadFlag(c, "context")
	return r, err
}

// sentJSON is what became of an event as programs see it. Fields are only ever added.
type sentJSON struct {
	EventID string   `json:"event_id"`
	Created bool     `json:"created"`
	Jobs    []string `json:"jobs"`
	// Kept are the flows that have failed for it.
	Kept []keptJSON `json:"kept"`
}

// keptJSON is a flow that has failed for an event, which is kept for it.
type keptJSON struct {
	Flow   string `json:"flow"`
	Reason string `json:"reason"`
}

// firstLineOf returns the first line of a text: faults stand one below the other.
func firstLineOf(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func sendEvent(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	request, err := eventRequest(s)
	if err != nil {
		return err
	}
	client, err := s.Deliveries(ctx)
	if err != nil {
		return err
	}
	added, err := client.AddEvent(ctx, request)
	if err != nil && !errors.Is(err, starter.ErrNotWoken) {
		return err
	}
	// An event that is stored is, whoever could not be told of it.
	kept := make([]keptJSON, len(added.Faults))
	for i, f := range added.Faults {
		kept[i] = keptJSON{Flow: f.Flow, Reason: f.Reason}
	}
	if asJSON(c) {
		return errors.Join(writeJSON(c, sentJSON{
			EventID: added.Event.ID, Created: added.Created, Jobs: orEmpty(added.Jobs), Kept: kept,
		}), err)
	}
	text := fmt.Sprintf("stored event %s with %s", added.Event.ID, manyJobs(int64(len(added.Jobs))))
	if !added.Created {
		text = fmt.Sprintf("event %s was sent before under this key: nothing was stored", added.Event.ID)
	}
	if len(added.Jobs) > 0 {
		text += "\n  " + strings.Join(added.Jobs, "\n  ")
	}
	for _, k := range kept {
		text += fmt.Sprintf("\nkept for flow %s, which has failed: %s: `sluice flow replay %s` once it is mended",
			k.Flow, firstLineOf(k.Reason), k.Flow)
	}
	return errors.Join(say(c, "%s", text), err)
}
