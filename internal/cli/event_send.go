package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

func sendCommand() *cli.Command {
	const payload = " as a `JSON` object, @FILE, or - for standard input"
	return &cli.Command{
		Name: "send", Usage: "send an event to destinations",
		Description: "The event creates a job for each action of --to and of each applied flow that matches it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "source", Usage: "source `NAME` of the event; required"},
			&cli.StringFlag{Name: "name", Usage: "name `NAME` of the event", DefaultText: "none"},
			&cli.StringFlag{
				Name: "event-version", Usage: "version `VERSION` of the event's schema", DefaultText: "the destination's default",
			},
			&cli.StringFlag{Name: "data", Usage: "data of the event" + payload, DefaultText: "{}"},
			&cli.StringFlag{Name: "context", Usage: "context of the event" + payload, DefaultText: "{}"},
			&cli.StringFlag{
				Name: "idempotency-key", Usage: "store nothing if the source has already sent an event with this `KEY`",
				DefaultText: "none",
			},
			&cli.StringSliceFlag{Name: "to", Usage: "deliver to `DESTINATION/ACTION`, such as webhook/post" + repeated},
			outputFlag(),
		},
		Action: withSession(sendEvent),
	}
}

// eventRequest returns the event of the flags.
func eventRequest(ctx context.Context, s *session) (r deliveryclient.EventRequest, err error) {
	c := s.cli
	if err := requireFlag(c, "source", "a source, such as --source shop"); err != nil {
		return r, err
	}
	r = deliveryclient.EventRequest{
		Source: c.String("source"), Name: c.String("name"), Version: c.String("event-version"),
		IdempotencyKey: c.String("idempotency-key"),
	}
	for _, to := range listFlag(c, "to") {
		destination, action, ok := strings.Cut(to, "/")
		if !ok || destination == "" || action == "" {
			return r, fmt.Errorf("--to %q: want DESTINATION/ACTION, such as webhook/post", to)
		}
		if err := s.requireAction(ctx, destination, action); err != nil {
			return r, fmt.Errorf("--to %s: %w", to, err)
		}
		r.To = append(r.To, deliveryacts.ActionRef{Destination: destination, Action: action})
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

// sentJSON is the JSON form of a sent event. Fields are only ever added.
type sentJSON struct {
	EventID string   `json:"event_id"`
	Created bool     `json:"created"`
	Jobs    []string `json:"jobs"`
	// Kept are the flows that failed for the event.
	Kept []keptJSON `json:"kept"`
}

// keptJSON is a flow that failed for an event, for which the event is kept.
type keptJSON struct {
	Flow   string `json:"flow"`
	Reason string `json:"reason"`
}

// firstLineOf returns the first line of a text, such as the first of several faults.
func firstLineOf(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func sendEvent(ctx context.Context, s *session) error {
	c := s.cli
	request, err := eventRequest(ctx, s)
	if err != nil {
		return err
	}
	client, err := s.Deliveries(ctx)
	if err != nil {
		return err
	}
	added, err := client.AddEvent(ctx, request)
	if err != nil {
		return err
	}
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
		text = fmt.Sprintf("event %s already exists under this idempotency key; nothing stored", added.Event.ID)
	}
	if len(added.Jobs) > 0 {
		text += "\n  " + strings.Join(added.Jobs, "\n  ")
	}
	for _, k := range kept {
		text += fmt.Sprintf("\nflow %s failed: %s; fix it, then run `sluice flow replay %s`",
			k.Flow, firstLineOf(k.Reason), k.Flow)
	}
	return errors.Join(say(c, "%s", text), err)
}
