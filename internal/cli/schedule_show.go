package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
)

func listSchedules(ctx context.Context, s *session, limit int, client *starter.Starter) error {
	c := s.cli
	filter := starter.ScheduleFilter{Source: c.String("source"), Text: c.String("text")}
	if c.IsSet("site") {
		filter.Sites = []string{c.String("site")}
	}
	var err error
	if filter.State, err = chosenState(c, starter.ScheduleStates()); err != nil {
		return err
	}
	all, more, err := client.Schedules(ctx, filter, limit)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, convert.Slice(all, importview.ScheduleOf))
	}
	if len(all) == 0 {
		return nothing(c, "schedules", "No schedules found. Create one with `sluice schedule create`.")
	}
	table := terminal.NewTable("NAME", "SITE", "SOURCE", "SCHEDULE", "TIME ZONE", "STATE", "NEXT RUNS", "LAST RUN", "NOTE")
	for _, one := range all {
		last := terminal.Coloured{Text: "-"}
		if len(one.Runs) > 0 {
			last = runCell(one.Runs[0])
		}
		table.Row(one.Name, one.Request.Site, one.Request.Source, timingCell(one.Timing), one.Timing.TimeZone,
			pausedCell(one.Paused), nextRuns(one, func(at time.Time) string { return at.Format("01-02 15:04") }), last,
			brief(orDash(one.Note), 60))
	}
	if err := table.Write(c.App.Writer); err != nil || !more {
		return err
	}
	return say(c, "\nThere are more: raise --limit to list them.")
}

func timingCell(t starter.Timing) string {
	if t.Cron != "" {
		return t.Cron
	}
	return "every " + short(t.Every)
}

func runCell(r starter.Run) terminal.Coloured {
	colours := map[string]terminal.Colour{
		starter.RunCompleted: terminal.Green, starter.RunFailed: terminal.Red, starter.RunRunning: terminal.Cyan,
		starter.RunCancelled: terminal.Yellow, starter.RunTerminated: terminal.Red,
	}
	text := r.Status
	if r.ImportID != 0 {
		text += fmt.Sprintf(", import %d", r.ImportID)
	}
	return terminal.Coloured{Text: text, Colour: colours[r.Status]}
}

func showSchedule(ctx context.Context, s *session, name string, client *starter.Starter) error {
	one, err := client.Schedule(ctx, name)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, importview.ScheduleOf(one))
	}
	w := s.cli.App.Writer
	return errors.Join(writeScheduleHead(w, one), writeRuns(w, one))
}

func writeScheduleHead(w io.Writer, s starter.Schedule) error {
	state := pausedCell(s.Paused)
	when := timingCell(s.Timing) + ", " + s.Timing.TimeZone
	if s.Timing.Jitter > 0 {
		when += ", up to " + short(s.Timing.Jitter) + " later"
	}
	failures := "never"
	if s.PauseAfterFailures > 0 {
		failures = fmt.Sprintf("after %d consecutive failures", s.PauseAfterFailures)
	}
	lines := [][2]string{
		{"Schedule", s.Name},
		{"State", terminal.Paint(w, state.Colour, state.Text)},
		{"Note", s.Note},
		{"Imports", s.Request.Source + " into " + s.Request.Site},
		{"Arguments", string(s.Request.Args)},
		{"Timing", when},
		{"Overlap", s.Overlap},
		{"Catch-up", "up to " + short(s.Catchup) + " late"},
		{"Pauses", failures},
		{"Created by", s.Request.By},
		{"Runs", fmt.Sprintf("%d started, %d skipped, %d missed", s.Started, s.Skipped, s.Missed)},
		{"Next runs", nextRuns(s, moment)},
	}
	return writeColumns(w, 10, lines)
}

func writeRuns(w io.Writer, s starter.Schedule) error {
	if len(s.Runs) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	table := terminal.NewTable("SCHEDULED", "STARTED", "RUN STATUS", "IMPORT", "IMPORT STATUS", "REASON")
	for _, r := range s.Runs {
		imported := "-"
		if r.ImportID != 0 {
			imported = fmt.Sprint(r.ImportID)
		}
		table.Row(moment(r.At.In(s.Timing.Location())), when(&r.StartedAt),
			terminal.Coloured{Text: r.Status, Colour: runCell(r).Colour}, imported,
			statusCell(cmp.Or(r.ImportStatus, "-")), brief(orDash(r.Reason), 100))
	}
	return table.Write(w)
}
