package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/starter"
)

func scheduleCommand() *cli.Command {
	return group("schedule", "run imports on a schedule",
		scheduleCreateCommand(),
		&cli.Command{
			Name: "list", Usage: "list schedules with their next and last runs",
			Flags: []cli.Flag{
				textFlag("schedules", "name, site or source"), stateFlag("schedules", starter.ScheduleStates()),
				&cli.StringFlag{Name: "site", Usage: "list only schedules of this `SITE`"},
				&cli.StringFlag{Name: "source", Usage: "list only schedules of this `IMPORTER`"},
				&cli.IntFlag{Name: "limit", Value: 100, Usage: "list at most `N` schedules, 1 to 1000"},
				outputFlag(),
			},
			Action: withArg(limited(maxListed), (*session).Starter, listSchedules),
		},
		&cli.Command{
			Name: "show", Usage: "show a schedule with its next and last runs", ArgsUsage: "NAME",
			Flags: []cli.Flag{outputFlag()}, Action: withArg(scheduleArg, (*session).Starter, showSchedule),
		},
		&cli.Command{
			Name: "pause", Usage: "pause a schedule; running imports continue", ArgsUsage: "NAME",
			Flags:  []cli.Flag{byFlag(), scheduleReasonFlag(), outputFlag()},
			Action: withArg(scheduleArg, (*session).Starter, pauseSchedule),
		},
		&cli.Command{
			Name: "resume", Usage: "resume a paused schedule", ArgsUsage: "NAME",
			Flags:  []cli.Flag{byFlag(), scheduleReasonFlag(), outputFlag()},
			Action: withArg(scheduleArg, (*session).Starter, resumeSchedule),
		},
		&cli.Command{
			Name: "trigger", Usage: "run a schedule now, even if it is paused", ArgsUsage: "NAME",
			Flags:  []cli.Flag{overlapFlag("the schedule's policy"), outputFlag()},
			Action: withArg(scheduleArg, (*session).Starter, triggerSchedule),
		},
		scheduleBackfillCommand(),
		&cli.Command{
			Name: "delete", Usage: "delete a schedule; its imports stay", ArgsUsage: "NAME",
			Flags: []cli.Flag{outputFlag()}, Action: withArg(scheduleArg, (*session).Starter, deleteSchedule),
		},
	)
}

// scheduleReasonFlag is the reason of a command to a schedule.
func scheduleReasonFlag() cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "record the reason `TEXT` as the schedule's note"}
}

// overlapFlag is the policy for a run that is due while an import of the schedule is running.
func overlapFlag(fallback string) cli.Flag {
	return &cli.StringFlag{
		Name: "overlap", DefaultText: fallback,
		Usage: "`POLICY` while the previous import is running: skip, buffer-one, buffer-all, cancel-other or allow",
	}
}

// scheduleArg returns the command's single argument, the name of a schedule.
func scheduleArg(c *cli.Context) (string, error) { return oneArg(c, "a schedule's name") }

// answerSchedule says what a command to a schedule has done, as JSON the schedule itself, or returns its error.
func answerSchedule(
	ctx context.Context, s *session, client *starter.Starter, name string, err error, done string,
) error {
	if err != nil || !asJSON(s.cli) {
		return sayDone(s.cli, err, done, name)
	}
	now, err := client.Schedule(ctx, name)
	if err != nil {
		return err
	}
	return writeJSON(s.cli, importview.ScheduleOf(now))
}

func pauseSchedule(ctx context.Context, s *session, name string, client *starter.Starter) error {
	return answerSchedule(ctx, s, client, name, client.PauseSchedule(ctx, name, by(s.cli)),
		"paused schedule %[1]s; resume it with `sluice schedule resume %[1]s`")
}

func resumeSchedule(ctx context.Context, s *session, name string, client *starter.Starter) error {
	return answerSchedule(ctx, s, client, name, client.ResumeSchedule(ctx, name, by(s.cli)), "resumed schedule %s")
}

func triggerSchedule(ctx context.Context, s *session, name string, client *starter.Starter) error {
	return answerSchedule(ctx, s, client, name, client.TriggerSchedule(ctx, name, s.cli.String("overlap")),
		"triggered schedule %[1]s; see its runs with `sluice schedule show %[1]s`")
}

func deleteSchedule(ctx context.Context, s *session, name string, client *starter.Starter) error {
	if err := client.DeleteSchedule(ctx, name); err != nil {
		return err
	}
	return answer(s.cli, map[string]any{"name": name, "deleted": true},
		"deleted schedule %s; its imports stay, running ones continue", name)
}

func scheduleBackfillCommand() *cli.Command {
	return &cli.Command{
		Name: "backfill", Usage: "run a schedule for past times", ArgsUsage: "NAME",
		Description: fmt.Sprintf("TIME is a day (2026-01-31, at midnight), a minute (2026-01-31T03:00) or RFC 3339, "+
			"in the schedule's\n"+
			"time zone. Both ends are included. At most %d runs.", starter.MaxBackfill),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "first `TIME`; required"},
			&cli.StringFlag{Name: "to", Usage: "last `TIME`", DefaultText: "now"},
			overlapFlag(starter.OverlapBufferAll),
			&cli.BoolFlag{Name: "dry-run", Usage: "show the runs, and start none"},
			outputFlag(),
		},
		Action: withArg(backfillArg, (*session).Starter, backfillSchedule),
	}
}

func backfillArg(c *cli.Context) (string, error) {
	if err := requireFlag(c, "from", "the first time, such as --from 2026-01-31"); err != nil {
		return "", err
	}
	return scheduleArg(c)
}

func backfillSchedule(ctx context.Context, s *session, name string, client *starter.Starter) error {
	c := s.cli
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
		// Written before the start, so that the operator can still interrupt.
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
		return say(c, "Dry run: no run was started.")
	}
	return say(c, "started a backfill of schedule %s; see its runs with `sluice schedule show %s`", name, name)
}

// backfillJSON is the JSON form of a backfill.
type backfillJSON struct {
	Schedule string      `json:"schedule"`
	Runs     []time.Time `json:"runs"`
	Started  bool        `json:"started"`
}

func runs(n int) string {
	return plural(int64(n), "run")
}

// moment formats a time in its own zone.
func moment(t time.Time) string { return t.Format("2006-01-02 15:04 MST") }

// parseMoment parses a time in one of the accepted layouts.
func parseMoment(flag, text string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, exitWith(exitUsage, fmt.Errorf(
		"--%s %q is not a time: want 2026-01-31, 2026-01-31T03:00 or 2026-01-31T03:00:00+01:00", flag, text))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
