package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func purgeCommand() *cli.Command {
	return &cli.Command{
		Name: "purge", Usage: "delete old events with their jobs and job history",
		Description: "An event is deleted with its parts when all of their jobs are in one of the states.\n" +
			"Workers do the same on a schedule if retention.events is set.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "before", Usage: "delete events received before `TIME`; 720h means 720 hours ago"},
			&cli.DurationFlag{
				Name: "older-than", Usage: "delete events received more than `DURATION` ago, such as 720h", DefaultText: "none",
			},
			&cli.StringSliceFlag{
				Name: "state", DefaultText: deliverystore.JobSucceeded,
				Usage: "required `STATE` of their jobs, comma-separated or repeated: " +
					strings.Join(deliverystore.EndedStates(), ", "),
			},
			&cli.StringSliceFlag{Name: "source", Usage: "filter by event source `NAME`" + repeated},
			&cli.StringSliceFlag{Name: "not-source", Usage: "exclude event source `NAME`" + repeated},
			&cli.BoolFlag{Name: "dry-run", Usage: "count the events to delete, and delete nothing"},
			outputFlag(),
		},
		Action: withArg(retentionOf, (*session).events, purgeEvents),
	}
}

// retentionOf returns the rule of the flags.
func retentionOf(c *cli.Context) (r deliverystore.Retention, err error) {
	r.States, r.Sources, r.NotSources = listFlag(c, "state"), listFlag(c, "source"), listFlag(c, "not-source")
	for _, state := range r.States {
		if err := deliveryclient.CheckEndedState(state); err != nil {
			return r, fmt.Errorf("--%w", err)
		}
	}
	if c.IsSet("before") == c.IsSet("older-than") {
		return r, errors.New("want either --before TIME or --older-than DURATION")
	}
	if !c.IsSet("older-than") {
		r.ReceivedBefore, err = timeFlag(c, "before")
		return r, err
	}
	age := c.Duration("older-than")
	if age <= 0 {
		return r, fmt.Errorf("--older-than %s: want more than 0, such as 720h", age)
	}
	r.ReceivedBefore = time.Now().Add(-age)
	return r, nil
}

// purgedJSON is the JSON form of a purge. Fields are only ever added.
type purgedJSON struct {
	ReceivedBefore time.Time `json:"received_before"`
	DryRun         bool      `json:"dry_run"`
	Events         int64     `json:"events"`
	Jobs           int64     `json:"jobs"`
	Transitions    int64     `json:"transitions"`
}

func purgeEvents(
	ctx context.Context, s *session, rule deliverystore.Retention, stored deliveryclient.Events,
) error {
	c := s.cli
	purged, err := stored.Purge(ctx, rule, c.Bool("dry-run"))
	if err != nil && purged == (deliverystore.Purged{}) {
		return err
	}
	// Events that were deleted before an error are reported, too.
	return errors.Join(answerPurged(c, rule, purged), err)
}

func answerPurged(c *cli.Context, rule deliverystore.Retention, p deliverystore.Purged) error {
	if asJSON(c) {
		return writeJSON(c, purgedJSON{
			ReceivedBefore: rule.ReceivedBefore.UTC(), DryRun: c.Bool("dry-run"), Events: p.Events, Jobs: p.Jobs,
			Transitions: p.Transitions,
		})
	}
	done := "purged"
	if c.Bool("dry-run") {
		done = "would be purged"
	}
	if p.Events == 0 {
		return say(c, "No events received before %s to purge.", when(&rule.ReceivedBefore))
	}
	table := terminal.NewTable("RECEIVED BEFORE", "EVENTS", "JOBS", "TRANSITIONS", "RESULT")
	table.Row(when(&rule.ReceivedBefore), p.Events, p.Jobs, p.Transitions, done)
	return table.Write(c.App.Writer)
}
