package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

func destinationControlCommands() []*cli.Command {
	why := func() cli.Flag {
		return &cli.StringFlag{Name: "reason", Usage: "record the reason `TEXT` in the workflow's history"}
	}
	return []*cli.Command{
		{
			Name: "pause", Usage: "pause a destination or one of its actions",
			ArgsUsage: "NAME [ACTION]",
			Flags:     []cli.Flag{byFlag(), why()},
			Action:    withSession(controlDestination("paused", (*deliveryclient.Client).Pause)),
		},
		{
			Name: "resume", Usage: "resume a destination or one of its actions",
			ArgsUsage: "NAME [ACTION]",
			Flags:     []cli.Flag{byFlag(), why()},
			Action:    withSession(controlDestination("resumed", (*deliveryclient.Client).Resume)),
		},
		{
			Name: "trigger", Usage: "deliver an action's waiting jobs now, including retries and open circuits",
			ArgsUsage: "NAME ACTION",
			Flags:     []cli.Flag{byFlag(), why()}, Action: withSession(triggerAction),
		},
		{
			Name: "set-schedule", Usage: "change the schedule of an action", ArgsUsage: "NAME ACTION",
			Description: "Omitted flags leave their setting unchanged; an empty value restores the program's default.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "interval", Usage: "deliver at `INTERVAL`: '@every 10m', or five cron fields"},
				&cli.StringFlag{Name: "timezone", Usage: "IANA time `ZONE` of the cron fields"},
				&cli.BoolFlag{Name: "realtime", Usage: "deliver jobs as soon as they are due; --realtime=false disables this"},
				byFlag(), why(),
			},
			Action: withSession(setDestinationSchedule),
		},
	}
}

// actionArgs returns the destination of a command, and its action if one is named.
func actionArgs(ctx context.Context, s *session) (ref deliveryacts.ActionRef, label string, err error) {
	args := s.cli.Args()
	if args.Len() < 1 || args.Len() > 2 {
		return ref, "", fmt.Errorf("want a destination and optionally one of its actions: see `%s --help`",
			s.cli.Command.HelpName)
	}
	ref = deliveryacts.ActionRef{Destination: args.Get(0), Action: args.Get(1)}
	if ref.Action == "" {
		_, err = s.requireDestination(ctx, ref.Destination)
		return ref, ref.Destination, err
	}
	return ref, ref.Destination + "/" + ref.Action, s.requireAction(ctx, ref.Destination, ref.Action)
}

type destinationCall func(*deliveryclient.Client, context.Context, deliveryacts.ActionRef, starter.By) error

func controlDestination(done string, give destinationCall) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		ref, label, err := actionArgs(ctx, s)
		if err != nil {
			return err
		}
		client, err := s.Deliveries(ctx)
		if err != nil {
			return err
		}
		return sayDone(s.cli, give(client, ctx, ref, by(s.cli)), "%s %s", done, label)
	}
}

// oneAction rejects a command that names no action.
func oneAction(s *session) error {
	if s.cli.NArg() != 2 {
		return fmt.Errorf("want two arguments, a destination and one of its actions: see `%s --help`",
			s.cli.Command.HelpName)
	}
	return nil
}

func triggerAction(ctx context.Context, s *session) error {
	if err := oneAction(s); err != nil {
		return err
	}
	return controlDestination("triggered", (*deliveryclient.Client).Trigger)(ctx, s)
}

func setDestinationSchedule(ctx context.Context, s *session) error {
	if err := oneAction(s); err != nil {
		return err
	}
	var t deliveryclient.NewTiming
	for flag, into := range map[string]**string{"interval": &t.Interval, "timezone": &t.TimeZone} {
		if s.cli.IsSet(flag) {
			*into = new(s.cli.String(flag))
		}
	}
	if s.cli.IsSet("realtime") {
		realtime := s.cli.Bool("realtime")
		t.Realtime = &realtime
	}
	if t == (deliveryclient.NewTiming{}) {
		return errors.New("nothing to change: want --interval, --timezone or --realtime")
	}
	give := func(d *deliveryclient.Client, ctx context.Context, ref deliveryacts.ActionRef, by starter.By) error {
		return d.SetSchedule(ctx, ref, t, by)
	}
	return controlDestination("changed the schedule of", give)(ctx, s)
}
