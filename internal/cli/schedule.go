package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/starter"
)

func scheduleCommand(sources string) *cli.Command {
	return group("schedule", "import again and again, by the clock",
		scheduleCreateCommand(sources),
		&cli.Command{
			Name: "list", Usage: "list schedules with their next runs and their last one",
			Flags: []cli.Flag{
				&cli.IntFlag{Name: "limit", Value: 100, Usage: "at most `N`, 1 to 1000"},
				outputFlag(),
			},
			Action: withSession(listSchedules),
		},
		&cli.Command{
			Name: "show", Usage: "show a schedule with its next runs and its last ones", ArgsUsage: "NAME",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(showSchedule),
		},
		&cli.Command{
			Name: "pause", Usage: "start nothing any more; what is under way goes on", ArgsUsage: "NAME",
			Flags: []cli.Flag{byFlag(), scheduleReasonFlag(), outputFlag()}, Action: withSession(pauseSchedule),
		},
		&cli.Command{
			Name: "resume", Usage: "let a paused schedule go on with the next time that comes", ArgsUsage: "NAME",
			Flags: []cli.Flag{byFlag(), scheduleReasonFlag(), outputFlag()}, Action: withSession(resumeSchedule),
		},
		&cli.Command{
			Name: "trigger", Usage: "run a schedule now, also a paused one", ArgsUsage: "NAME",
			Flags: []cli.Flag{overlapFlag("what the schedule says"), outputFlag()}, Action: withSession(triggerSchedule),
		},
		scheduleBackfillCommand(),
		&cli.Command{
			Name: "delete", Usage: "delete a schedule; its imports stay", ArgsUsage: "NAME",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(deleteSchedule),
		},
	)
}

// scheduleReasonFlag says why an order to a schedule is given.
func scheduleReasonFlag() cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "say why by this `TEXT`, which becomes the schedule's note"}
}

// overlapFlag says what happens while an import of the schedule is under way.
func overlapFlag(fallback string) cli.Flag {
	return &cli.StringFlag{
		Name: "overlap", DefaultText: fallback,
		Usage: "`POLICY` while the import before is under way: skip, buffer-one, buffer-all, cancel-other or allow",
	}
}

// toSchedule returns the schedule that an order is for.
func toSchedule(ctx context.Context, s *session) (string, *starter.Starter, error) {
	name, err := oneArg(s.cli, "the name of a schedule")
	if err != nil {
		return "", nil, err
	}
	client, err := s.Starter(ctx)
	return name, client, err
}

// answer writes what has become of a schedule: the schedule itself for programs.
func answer(ctx context.Context, s *session, client *starter.Starter, name, format string, args ...any) error {
	if !asJSON(s.cli) {
		return say(s.cli, format, args...)
	}
	now, err := client.Schedule(ctx, name)
	if err != nil {
		return err
	}
	return writeJSON(s.cli, scheduleView(now))
}

func pauseSchedule(ctx context.Context, s *session) error {
	name, client, err := toSchedule(ctx, s)
	if err != nil {
		return err
	}
	if err := client.PauseSchedule(ctx, name, by(s.cli)); err != nil {
		return err
	}
	return answer(ctx, s, client, name, "schedule %s is paused: `sluice schedule resume %s` lets it go on", name, name)
}

func resumeSchedule(ctx context.Context, s *session) error {
	name, client, err := toSchedule(ctx, s)
	if err != nil {
		return err
	}
	if err := client.ResumeSchedule(ctx, name, by(s.cli)); err != nil {
		return err
	}
	return answer(ctx, s, client, name, "schedule %s goes on", name)
}

func triggerSchedule(ctx context.Context, s *session) error {
	name, client, err := toSchedule(ctx, s)
	if err != nil {
		return err
	}
	if err := client.TriggerSchedule(ctx, name, s.cli.String("overlap")); err != nil {
		return err
	}
	return answer(ctx, s, client, name,
		"schedule %s is told to run now: `sluice schedule show %s` tells how it goes", name, name)
}

func deleteSchedule(ctx context.Context, s *session) error {
	name, client, err := toSchedule(ctx, s)
	if err != nil {
		return err
	}
	if err := client.DeleteSchedule(ctx, name); err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, map[string]any{"name": name, "deleted": true})
	}
	return say(s.cli, "deleted schedule %s; its imports stay, and those under way go on", name)
}

func scheduleBackfillCommand() *cli.Command {
	return &cli.Command{
		Name: "backfill", Usage: "run a schedule for times that have passed", ArgsUsage: "NAME",
		Description: fmt.Sprintf("TIMEs are days (2026-01-31, at midnight), minutes (2026-01-31T03:00) or RFC 3339, in the\n"+
			"schedule's time zone; both ends are included. At most %d runs.", starter.MaxBackfill),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "the first `TIME`; required"},
			&cli.StringFlag{Name: "to", Usage: "the last `TIME`", DefaultText: "now"},
			overlapFlag(starter.OverlapBufferAll),
			&cli.BoolFlag{Name: "dry-run", Usage: "only say which runs there would be"},
			outputFlag(),
		},
		Action: withSession(backfillSchedule),
	}
}

func backfillSchedule(ctx context.Context, s *session) error {
	c := s.cli
	if err := requireFlag(c, "from", "say from when on, for instance --from 2026-01-31"); err != nil {
		return err
	}
	name, client, err := toSchedule(ctx, s)
	if err != nil {
		return err
	}
	now, err := client.Schedule(ctx, name)
	if err != nil {
		return err
	}
	from, err := parseMoment("from", c.String("from"), now.Timing.Location())
	if err != nil {
		return err
	}
	to := time.Now()
	if c.IsSet("to") {
		if to, err = parseMoment("to", c.String("to"), now.Timing.Location()); err != nil {
			return err
		}
	}
	times, err := client.BackfillTimes(ctx, name, from, to)
	if err != nil {
		return err
	}
	if !asJSON(c) && len(times) > 0 {
		// Said before it happens: whoever is startled can still interrupt.
		err := say(c, "%s from %s to %s", runs(len(times)), moment(times[0]), moment(times[len(times)-1]))
		if err != nil {
			return err
		}
	}
	started := !c.Bool("dry-run")
	if started {
		if times, err = client.BackfillSchedule(ctx, name, from, to, c.String("overlap")); err != nil {
			return err
		}
	}
	if asJSON(c) {
		return writeJSON(c, backfillJSON{Schedule: name, Runs: orEmpty(times), Started: started})
	}
	if !started {
		return say(c, "Nothing was started.")
	}
	return say(c, "schedule %s is told to run them: `sluice schedule show %s` tells how it goes", name, name)
}

// backfillJSON is a backfill as programs see it.
type backfillJSON struct {
	Schedule string      `json:"schedule"`
	Runs     []time.Time `json:"runs"`
	Started  bool        `json:"started"`
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

// moment shows a time in its own zone.
func moment(t time.Time) string { return t.Format("2006-01-02 15:04 MST") }

// parseMoment reads a time as people type it.
func parseMoment(flag, text string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, exitWith(exitUsage, fmt.Errorf(
		"--%s %q is no time: want 2026-01-31, 2026-01-31T03:00 or 2026-01-31T03:00:00+01:00", flag, text))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
