package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/starter"
)

func scheduleCreateCommand() *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "create a schedule", ArgsUsage: "NAME SOURCE [PATH...]",
		Description: "SOURCE is an importer. `sluice help import start SOURCE` lists its arguments.\n" +
			"A cron expression has five fields: minute, hour, day, month, weekday. If both day and weekday are\n" +
			"restricted, either match is enough. Intervals are aligned to midnight UTC. Settings without a flag are\n" +
			"read from the worker's configuration at each run.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "cron", Usage: "run at cron `EXPRESSION`, such as '0 3 * * *'"},
			&cli.StringFlag{Name: "every", Usage: "run every `DURATION`, such as 6h"},
			&cli.StringFlag{Name: "timezone", Usage: "IANA time `ZONE` of --cron", Value: "UTC"},
			&cli.StringFlag{Name: "jitter", Usage: "delay each run by a random time up to `DURATION`", DefaultText: "none"},
			overlapFlag(starter.OverlapSkip),
			&cli.StringFlag{
				Name: "catchup", Usage: "start a missed run up to `DURATION` late",
				DefaultText: short(starter.DefaultCatchup),
			},
			&cli.BoolFlag{Name: "paused", Usage: "create the schedule paused"},
			&cli.StringFlag{Name: "note", Usage: "note `TEXT` of the schedule", DefaultText: "none"},
			&cli.IntFlag{
				Name: "pause-after-failures", Usage: "pause after `N` consecutive failures; 0 disables this",
				Value: starter.DefaultPauseAfterFailures,
			},
		}, importFlags()...),
		Action: withSession(createSchedule),
	}
}

func createSchedule(ctx context.Context, s *session) error {
	c := s.cli
	if c.NArg() == 0 {
		return errors.New("name is missing: want `sluice schedule create NAME SOURCE`")
	}
	request, err := importRequest(ctx, s, c.Args().Tail())
	if err != nil {
		return err
	}
	if !c.IsSet("cron") && !c.IsSet("every") {
		return errors.New("--cron or --every is missing: want when it runs, such as --cron '0 3 * * *' or --every 6h")
	}
	times := timingFlags{
		cron: c.String("cron"), every: c.String("every"), jitter: c.String("jitter"),
		zone: c.String("timezone"), catchup: c.String("catchup"),
	}
	timing, catchup, err := times.parse()
	if err != nil {
		return err
	}
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
	created, err := client.CreateSchedule(ctx, starter.NewSchedule{
		Name: c.Args().First(), Request: request, Settings: settingsOverride(c), Timing: timing,
		Overlap: c.String("overlap"), Catchup: catchup, Paused: c.Bool("paused"), Note: c.String("note"),
		PauseAfterFailures: c.Int("pause-after-failures"),
	})
	if err != nil {
		return err
	}
	paused := ""
	if created.Paused {
		paused = ", paused"
	}
	return answer(c, importview.ScheduleOf(created),
		"created schedule %s%s; next runs: %s", created.Name, paused, nextRuns(created, moment))
}

// timingFlags are the values of the flags about time.
type timingFlags struct {
	cron, every, jitter, zone, catchup string
}

// parse parses the flags and reports every fault at once.
func (f timingFlags) parse() (starter.Timing, time.Duration, error) {
	t := starter.Timing{Cron: strings.TrimSpace(f.cron), TimeZone: f.zone}
	var faults []error
	read := func(name, text string) time.Duration {
		if text == "" {
			return 0
		}
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			faults = append(faults, fmt.Errorf("--%s %q: want a duration such as 90s, 30m or 6h", name, text))
		}
		return d
	}
	t.Every, t.Jitter = read("every", f.every), read("jitter", f.jitter)
	catchup := read("catchup", f.catchup)
	if len(faults) == 0 {
		faults = append(faults, t.Validate())
	}
	return t, catchup, errors.Join(faults...)
}

// settingsOverride returns the settings of flags that are set.
func settingsOverride(c *cli.Context) importacts.ImportSettings {
	var with importacts.ImportSettings
	if c.IsSet("parallelism") {
		n := c.Int("parallelism")
		with.Parallelism = &n
	}
	if c.IsSet("max-rejects") {
		with.MaxRejects = new(c.Int64("max-rejects"))
	}
	if c.IsSet("max-reject-share") {
		with.MaxRejectShare = new(c.Float64("max-reject-share"))
	}
	if c.IsSet("on-part-failure") {
		with.OnPartFailure = new(c.String("on-part-failure"))
	}
	return with
}

// short formats a duration without trailing zeros: 6h instead of 6h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// nextRuns lists the next runs of a schedule.
func nextRuns(s starter.Schedule, write func(time.Time) string) string {
	if len(s.Next) == 0 {
		return "none"
	}
	texts := make([]string, len(s.Next))
	for i, at := range s.Next {
		texts[i] = write(at)
	}
	return strings.Join(texts, ", ")
}
