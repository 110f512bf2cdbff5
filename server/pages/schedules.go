package pages

import (
	"net/http"
	"net/url"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/starter"
)

// newSchedulePath is the path of the page that creates schedules. Every path below /schedules is a name.
const newSchedulePath = "/new/schedule"

// schedules adds the pages of schedules.
func (p *Pages) schedules() {
	p.nav("Imports", "/schedules", "Schedules", access.PermissionRead, false)
	p.page("GET /schedules", "schedules", p.schedulesPage)
	p.page("GET "+newSchedulePath, "schedule_new", p.newSchedulePage)
	p.action("POST "+newSchedulePath, "schedule_new", p.newSchedulePage, createSchedule)
	p.page("GET /schedules/{schedule}", "schedule", p.schedulePage)
	p.page("GET /schedules/{schedule}/edit", "schedule_edit", p.editSchedulePage)
	p.action("POST /schedules/{schedule}/edit", "schedule_edit", p.editSchedulePage, setSchedule)
	s := subject{p, "/schedules/{schedule}", "schedule", p.schedulePage}
	s.commands("pause", "resume")
	s.command("trigger", func(v *visit) error {
		return v.send(http.MethodPost, schedulePath(v)+"/trigger", api.Trigger{Overlap: v.r.PostForm.Get("overlap")}, nil)
	})
	s.command("backfill", backfillSchedule)
	s.deletion("/schedules")
}

// schedulePath is the path of the schedule of a request, here and at the API.
func schedulePath(v *visit) string { return v.at("/schedules/{schedule}") }

// scheduleFilters are the filters of schedules.
var scheduleFilters = []string{"text", "site", "source", "state"}

func (p *Pages) schedulesPage(v *visit) (any, error) {
	return getPage[scheduleView](v, "/schedules", scheduleFilters...)
}

// scheduleView is a schedule on a page.
type scheduleView struct{ importview.Schedule }

// When says when it runs.
func (s scheduleView) When() string {
	if s.Cron != "" {
		return s.Cron + " " + s.TimeZone
	}
	return "every " + seconds(s.EverySeconds)
}

// Last returns the last run, or nil.
func (s scheduleView) Last() *importview.Run {
	if len(s.Runs) == 0 {
		return nil
	}
	return &s.Runs[0]
}

// Failed tells whether the last run has ended without its rows.
func (s scheduleView) Failed() bool {
	last := s.Last()
	return last != nil && last.Status != starter.RunCompleted && last.Status != starter.RunRunning
}

// Jitter and Catchup are durations as text.
func (s scheduleView) Jitter() string { return duration(time.Duration(s.JitterSeconds) * time.Second) }

func (s scheduleView) Catchup() string {
	return duration(time.Duration(s.CatchupSeconds) * time.Second)
}

// overlap is a policy for a run that is due while an import of the schedule is under way.
type overlap struct{ Name, Text string }

var overlaps = []overlap{
	{starter.OverlapSkip, "skip the run"},
	{starter.OverlapBufferOne, "wait for its end, at most one run"},
	{starter.OverlapBufferAll, "wait for its end, all runs"},
	{starter.OverlapCancelOther, "cancel the import under way"},
	{starter.OverlapAllow, "run at once"},
}

// scheduleShown is the page of a schedule.
type scheduleShown struct {
	scheduleView
	// Overlaps are the policies of runs that a person asks for.
	Overlaps []overlap
	// From and To are the range of the backfill that is being prepared, in the time zone of the schedule, and Times are
	// the times that it would run. Fault says why it cannot.
	From, To string
	Times    []time.Time
	Fault    *api.Problem
}

// LastTime is the index of the last of Times.
func (s scheduleShown) LastTime() int { return len(s.Times) - 1 }

// Arguments are the arguments of the importer by name, with their values in JSON.
func (s scheduleShown) Arguments() ([]argument, error) { return argumentsOf(s.Args) }

// argument is an argument of an importer, or a setting.
type argument struct{ Name, Value string }

func (p *Pages) schedulePage(v *visit) (any, error) {
	path := schedulePath(v)
	schedule, err := get[importview.Schedule](v, path, nil)
	if err != nil {
		return nil, err
	}
	shown := scheduleShown{
		scheduleView: scheduleView{schedule}, Overlaps: overlaps, From: v.value("from"), To: v.value("to"),
	}
	if shown.From == "" {
		return shown, nil
	}
	shown.Times, err = backfillTimes(v, path, schedule.TimeZone)
	err = asProblem(err, &shown.Fault)
	return shown, err
}

// backfillTimes returns the times that a backfill of the form would run.
func backfillTimes(v *visit, path, zone string) ([]time.Time, error) {
	from, to, err := backfillRange(v, zone)
	if err != nil {
		return nil, err
	}
	query := url.Values{"from": {from.Format(time.RFC3339)}}
	if to != nil {
		query.Set("to", to.Format(time.RFC3339))
	}
	answer, err := get[api.ScheduleTimes](v, path+"/times", query)
	return answer.Times, err
}

// backfillRange returns the first and the last time of the form, nil for now. They are typed in a time zone.
func backfillRange(v *visit, zone string) (from time.Time, to *time.Time, err error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return from, nil, invalid("from", "the time zone of the schedule is not known here: "+zone)
	}
	if from, err = typedTime(v.value("from"), location); err != nil {
		return from, nil, invalid("from", err.Error())
	}
	if v.value("to") == "" {
		return from, nil, nil
	}
	last, err := typedTime(v.value("to"), location)
	if err != nil {
		return from, nil, invalid("to", err.Error())
	}
	return from, &last, nil
}

func backfillSchedule(v *visit) error {
	from, to, err := backfillRange(v, v.r.PostForm.Get("time_zone"))
	if err != nil {
		return err
	}
	return v.send(http.MethodPost, schedulePath(v)+"/backfill", api.Backfill{
		From: from, To: to, Overlap: v.r.PostForm.Get("overlap"),
	}, nil)
}
