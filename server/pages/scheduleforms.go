package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/starter"
)

// timingForm is when a schedule runs, as text of the fields of a form.
type timingForm struct{ Cron, Every, TimeZone, Overlap, Jitter, Catchup, PauseAfter, Note string }

// Overlaps are the policies for overlapping runs.
func (timingForm) Overlaps() []overlap { return overlaps }

// DefaultCatchup is the default of how late a run may begin, in minutes.
func (timingForm) DefaultCatchup() int64 { return int64(starter.DefaultCatchup.Minutes()) }

// DefaultPauseAfter is the default number of failures.
func (timingForm) DefaultPauseAfter() int { return starter.DefaultPauseAfterFailures }

// timingOf returns when a schedule runs.
func timingOf(s importview.Schedule) timingForm {
	return timingForm{
		Cron: s.Cron, Every: minutesText(s.EverySeconds), TimeZone: s.TimeZone, Overlap: s.Overlap,
		Jitter: minutesText(s.JitterSeconds), Catchup: minutesText(s.CatchupSeconds),
		PauseAfter: strconv.Itoa(s.PauseAfterFailures), Note: s.Note,
	}
}

// typedTiming returns when the schedule of a form runs.
func typedTiming(form url.Values) (timing api.ScheduleTiming, err error) {
	cron, err := typedCron(form)
	if err != nil {
		return timing, err
	}
	timing = api.ScheduleTiming{
		Cron: cron, TimeZone: strings.TrimSpace(form.Get("time_zone")),
		Overlap: form.Get("overlap"), Note: strings.TrimSpace(form.Get("note")),
	}
	for field, into := range map[string]*int64{
		"every": &timing.EverySeconds, "jitter": &timing.JitterSeconds, "catchup": &timing.CatchupSeconds,
	} {
		if *into, err = typedMinutes(form.Get(field)); err != nil {
			return timing, invalid(field, err.Error())
		}
	}
	if text := strings.TrimSpace(form.Get("pause_after_failures")); text != "" {
		failures, err := strconv.Atoi(text)
		if err != nil {
			return timing, invalid("pause_after_failures", "want a whole number of failures, or 0 for never")
		}
		timing.PauseAfterFailures = &failures
	}
	return timing, nil
}

// scheduleForm is the page of a new schedule.
type scheduleForm struct {
	importForm
	Timing timingForm
}

// Choice is the choice of a site and a source.
func (f scheduleForm) Choice() importForm { return f.importForm }

// Zone is the time zone of the chosen site.
func (f scheduleForm) Zone() string {
	for _, s := range f.Sites {
		if s.Domain == f.Site {
			return s.TimeZone
		}
	}
	return ""
}

func (p *Pages) newSchedulePage(v *visit) (any, error) {
	chosen, err := loadImportForm(v)
	form := scheduleForm{importForm: chosen}
	form.Timing = timingForm{TimeZone: form.Zone()}
	return form, err
}

func createSchedule(v *visit) (string, error) {
	form := v.r.PostForm
	request, err := importRequest(v)
	if err != nil {
		return "", err
	}
	timing, err := typedTiming(form)
	if err != nil {
		return "", err
	}
	var created importview.Schedule
	err = v.send(http.MethodPost, sitePath(form.Get("site"))+"/schedules", api.ScheduleRequest{
		ScheduleTiming: timing, ImportRequest: request, Name: strings.TrimSpace(form.Get("name")),
		Paused: form.Get("paused") != "",
	}, &created)
	return "/schedules/" + url.PathEscape(created.Name), err
}

// scheduleEdit is the page that changes a schedule.
type scheduleEdit struct {
	importview.Schedule
	ETag   string
	Timing timingForm
}

// ArgsText are the arguments of the importer in JSON.
func (s scheduleEdit) ArgsText() (string, error) { return indented(s.Args) }

// ReviewText is yes or no, "" for the importer's choice.
func (s scheduleEdit) ReviewText() string {
	switch {
	case s.Review == nil:
		return ""
	case *s.Review:
		return "yes"
	default:
		return "no"
	}
}

func (p *Pages) editSchedulePage(v *visit) (any, error) {
	schedule, etag, err := getTagged[importview.Schedule](v, schedulePath(v))
	return scheduleEdit{Schedule: schedule, ETag: etag, Timing: timingOf(schedule)}, err
}

// setSchedule replaces what a schedule imports, and when. What the form does not have stays: the ETag makes sure that
// it is that of the schedule that the form was opened with.
func setSchedule(v *visit) (string, error) {
	path := schedulePath(v)
	before, err := get[importview.Schedule](v, path, nil)
	if err != nil {
		return "", err
	}
	timing, err := typedTiming(v.r.PostForm)
	if err != nil {
		return "", err
	}
	request, err := importRequest(v)
	if err != nil {
		return "", err
	}
	if request.Args, err = v.typedObject("args"); err != nil {
		return "", err
	}
	request.Source = before.Source
	request.Parallelism, request.MaxRejects = before.Settings.Parallelism, before.Settings.MaxRejects
	request.MaxRejectShare, request.OnPartFailure = before.Settings.MaxRejectShare, before.Settings.OnPartFailure
	if text := strings.TrimSpace(v.r.PostForm.Get("rows_per_second")); text != "" {
		if request.RowsPerSecond, err = strconv.ParseInt(text, 10, 64); err != nil {
			return "", invalid("rows_per_second", "want a whole number of rows per second, or 0 for no limit")
		}
	}
	return path, v.edit(http.MethodPut, path, api.ScheduleChange{ScheduleTiming: timing, ImportRequest: request})
}

// typedCron returns the cron expression of a form: the one that was typed, or that of a time of each day.
func typedCron(form url.Values) (string, error) {
	cron, daily := strings.TrimSpace(form.Get("cron")), strings.TrimSpace(form.Get("daily"))
	if daily == "" {
		return cron, nil
	}
	if cron != "" {
		return "", invalid("cron", "want a time of each day or a cron expression, not both")
	}
	at, err := time.Parse("15:04", daily)
	if err != nil {
		return "", invalid("daily", "want a time of the day such as 03:00")
	}
	return fmt.Sprintf("%d %d * * *", at.Minute(), at.Hour()), nil
}
