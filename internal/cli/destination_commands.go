package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/starter"
)

func destinationOrderCommands() []*cli.Command {
	why := func() cli.Flag {
		return &cli.StringFlag{Name: "reason", Usage: "say why by this `TEXT`, for the workflow's history"}
	}
	return []*cli.Command{
		{
			Name: "pause", Usage: "keep the jobs of a destination, or of one of its actions, waiting",
			ArgsUsage: "NAME [ACTION]",
			Flags:     []cli.Flag{byFlag(), why()},
			Action:    withSession(orderDestination("is paused: its jobs wait", (*starter.Destinations).Pause)),
		},
		{
			Name: "resume", Usage: "resume a destination or one of its actions and retry its jobs at once",
			ArgsUsage: "NAME [ACTION]",
			Flags:     []cli.Flag{byFlag(), why()},
			Action:    withSession(orderDestination("goes on", (*starter.Destinations).Resume)),
		},
		{
			Name: "trigger", Usage: "deliver the waiting jobs of an action at once, including retries and open circuits",
			ArgsUsage: "NAME ACTION",
			Flags:     []cli.Flag{byFlag(), why()}, Action: withSession(triggerAction),
		},
		{
			Name: "set-schedule", Usage: "change when an action is loaded", ArgsUsage: "NAME ACTION",
			Description: "What is not given stays as it is; an empty text goes back to what the program says.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "interval", Usage: "load by this `INTERVAL`: '@every 10m', or the five fields of cron"},
				&cli.StringFlag{Name: "timezone", Usage: "read the five fields in this IANA `ZONE`"},
				&cli.BoolFlag{Name: "realtime", Usage: "load as soon as there is something; --realtime=false does not"},
				byFlag(), why(),
			},
			Action: withSession(setDestinationSchedule),
		},
	}
}

// actionArgs returns the destination that an order is for, and its action if one is named.
func actionArgs(s *session) (ref activities.ActionRef, label string, err error) {
	args := s.cli.Args()
	if args.Len() < 1 || args.Len() > 2 {
		return ref, "", fmt.Errorf("want the name of a destination, and of an action if it is about one: see `%s --help`",
			s.cli.Command.HelpName)
	}
	ref = activities.ActionRef{Destination: args.Get(0), Action: args.Get(1)}
	d, err := s.known.Destinations.Lookup(ref.Destination)
	if err != nil || ref.Action == "" {
		return ref, ref.Destination, err
	}
	_, err = destinations.ActionOf(d, ref.Action)
	return ref, ref.Destination + "/" + ref.Action, err
}

type destinationOrder func(*starter.Destinations, context.Context, activities.ActionRef, starter.By) error

func orderDestination(done string, give destinationOrder) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		ref, label, err := actionArgs(s)
		if err != nil {
			return err
		}
		client, err := s.Deliveries(ctx)
		if err != nil {
			return err
		}
		if err := give(client, ctx, ref, by(s.cli)); err != nil {
			return err
		}
		return say(s.cli, "%s %s", label, done)
	}
}

// oneAction refuses an order that names no action.
func oneAction(s *session) error {
	if s.cli.NArg() != 2 {
		return fmt.Errorf("want two arguments, the names of a destination and of its action: see `%s --help`",
			s.cli.Command.HelpName)
	}
	return nil
}

func triggerAction(ctx context.Context, s *session) error {
	if err := oneAction(s); err != nil {
		return err
	}
	return orderDestination("loads what waits for it", (*starter.Destinations).Trigger)(ctx, s)
}

func setDestinationSchedule(ctx context.Context, s *session) error {
	if err := oneAction(s); err != nil {
		return err
	}
	var t starter.NewTiming
	for flag, into := range map[string]**string{"interval": &t.Interval, "timezone": &t.TimeZone} {
		if s.cli.IsSet(flag) {
			text := s.cli.String(flag)
			*into = &text
		}
	}
	if s.cli.IsSet("realtime") {
		realtime := s.cli.Bool("realtime")
		t.Realtime = &realtime
	}
	if t == (starter.NewTiming{}) {
		return errors.New("say what is to be changed: --interval, --timezone or --realtime")
	}
	give := func(d *starter.Destinations, ctx context.Context, ref activities.ActionRef, by starter.By) error {
		return d.SetSchedule(ctx, ref, t, by)
	}
	return orderDestination("has another schedule", give)(ctx, s)
}
