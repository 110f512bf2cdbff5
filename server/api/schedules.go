package api

import (
	"context"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/access"
	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/starter"
)

const tagSchedules = "schedules"

// reachSchedule is of operations on {schedule}.
var reachSchedule = reach{
	name: "schedule", parameter: "schedule",
	site: func(ctx context.Context, a *API, name string, scope access.Scope) (string, error) {
		return a.cfg.Starter.Store.Imports.ScheduleSite(ctx, name, scope.Domains())
	},
}

// scheduleOperation describes an operation on a schedule.
func scheduleOperation(id, method, path, summary string, problems ...problemType) operation {
	o := operation{
		id: id, method: method, path: "/schedules/{schedule}" + path, tag: tagSchedules, summary: summary,
		need: access.PermissionOperate, reach: reachSchedule, problems: problems,
	}
	if method == http.MethodGet {
		o.need = access.PermissionRead
	}
	return o
}

// schedules adds the operations of schedules.
func (a *API) schedules() {
	register(a, operation{
		id: "list-schedules", method: http.MethodGet, path: "/schedules", tag: tagSchedules,
		summary: "List schedules by name, each with its last run", need: access.PermissionRead, reach: reachSome,
	}, a.listSchedules)
	register(a, operation{
		id: "create-schedule", method: http.MethodPost, path: "/sites/{site}/schedules", tag: tagSchedules,
		summary: "Create a schedule of imports", need: access.PermissionOperate, reach: reachSite,
		status: http.StatusCreated, problems: []problemType{problemTaken, problemConflict},
	}, a.createSchedule)
	register(a, scheduleOperation("show-schedule", http.MethodGet, "", "Show a schedule with its next and last runs"),
		a.showSchedule)
	set := scheduleOperation("set-schedule", http.MethodPut, "", "Replace what a schedule imports, and when",
		problemPrecondition, problemNeedsMatch, problemConflict)
	set.description = "Its name, its site and whether it is paused stay."
	register(a, set, a.setSchedule)
	register(a, scheduleOperation("delete-schedule", http.MethodDelete, "", "Delete a schedule; its imports stay"),
		func(ctx context.Context, in *SchedulePath) (*struct{}, error) {
			return nil, a.cfg.Starter.DeleteSchedule(ctx, in.Schedule)
		})
	register(a, scheduleOperation("pause-schedule", http.MethodPost, "/pause",
		"Pause a schedule; running imports continue"),
		a.scheduleCommand(a.cfg.Starter.PauseSchedule))
	register(a, scheduleOperation("resume-schedule", http.MethodPost, "/resume", "Resume a paused schedule"),
		a.scheduleCommand(a.cfg.Starter.ResumeSchedule))
	register(a, scheduleOperation("trigger-schedule", http.MethodPost, "/trigger",
		"Run a schedule now, even if it is paused"),
		func(ctx context.Context, in *triggerInput) (*tagged[importview.Schedule], error) {
			overlap := ""
			if in.Body != nil {
				overlap = in.Body.Overlap
			}
			return a.scheduled(ctx, in.Schedule, a.cfg.Starter.TriggerSchedule(ctx, in.Schedule, overlap))
		})
	register(a, scheduleOperation("list-schedule-runs", http.MethodGet, "/times",
		"List the times of a schedule in the past, which a backfill would run", problemLimit), a.backfillTimes)
	register(a, scheduleOperation("backfill-schedule", http.MethodPost, "/backfill", "Run a schedule for past times",
		problemLimit), a.backfill)
}

// SchedulePath is the input of an operation on a schedule.
type SchedulePath struct {
	Schedule string `path:"schedule" maxLength:"63" doc:"Name of the schedule."`
}

// ScheduleTiming says when a schedule runs, by cron or every_seconds, one of the two.
type ScheduleTiming struct {
	Cron               string `json:"cron,omitempty" maxLength:"200" doc:"Cron expression of five fields, or a macro such as @daily." example:"0 3 * * *"`
	EverySeconds       int64  `json:"every_seconds,omitempty" minimum:"60" maximum:"31622400" doc:"Interval, aligned to midnight UTC."`
	TimeZone           string `json:"time_zone,omitempty" maxLength:"100" doc:"IANA name of the zone of cron; UTC by default."`
	JitterSeconds      int64  `json:"jitter_seconds,omitempty" minimum:"0" maximum:"86400" doc:"Each run is delayed by a random time below it."`
	Overlap            string `json:"overlap,omitempty" enum:"skip,buffer-one,buffer-all,cancel-other,allow" doc:"What happens while an import of the schedule is under way; skip by default."`
	CatchupSeconds     int64  `json:"catchup_seconds,omitempty" minimum:"10" maximum:"31622400" doc:"How late a run may begin; 3600 by default."`
	PauseAfterFailures *int   `json:"pause_after_failures,omitempty" minimum:"0" maximum:"1000" doc:"Consecutive failures after which it is paused; 10 by default, 0 for never."`
	Note               string `json:"note,omitempty" maxLength:"1000" doc:"What it is for."`
}

// newSchedule returns what package starter takes. An upload is no source: it is deleted after a day.
func (t ScheduleTiming) newSchedule(
	ctx context.Context, a *API, name, site string, r ImportRequest,
) (starter.NewSchedule, error) {
	if r.Upload != "" {
		return starter.NewSchedule{}, invalidField("#/upload", "a schedule imports no upload, which is deleted after a day")
	}
	request, err := r.request(ctx, a, site)
	if err != nil {
		return starter.NewSchedule{}, err
	}
	request.Settings = nil
	n := starter.NewSchedule{
		Name: name, Request: request,
		Settings: importacts.ImportSettings{
			Parallelism: r.Parallelism, MaxRejects: r.MaxRejects, MaxRejectShare: r.MaxRejectShare,
			OnPartFailure: r.OnPartFailure,
		},
		Timing: starter.Timing{
			Cron: t.Cron, Every: seconds(t.EverySeconds), TimeZone: t.TimeZone, Jitter: seconds(t.JitterSeconds),
		},
		Overlap: t.Overlap, Catchup: seconds(t.CatchupSeconds), Note: t.Note,
		PauseAfterFailures: starter.DefaultPauseAfterFailures,
	}
	set(&n.PauseAfterFailures, t.PauseAfterFailures)
	return n, nil
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// ScheduleRequest is the body of create-schedule.
type ScheduleRequest struct {
	ScheduleTiming
	ImportRequest
	Name   string `json:"name" minLength:"1" maxLength:"63" doc:"1 to 63 lower-case letters, digits, dashes and underscores."`
	Paused bool   `json:"paused,omitempty" doc:"Create it without letting it run yet."`
}

type createScheduleInput struct {
	SitePath
	Body ScheduleRequest
}

func (a *API) createSchedule(
	ctx context.Context, in *createScheduleInput,
) (*createdTagged[importview.Schedule], error) {
	n, err := in.Body.newSchedule(ctx, a, in.Body.Name, in.Site, in.Body.ImportRequest)
	if err != nil {
		return nil, err
	}
	n.Paused = in.Body.Paused
	created, err := a.cfg.Starter.CreateSchedule(ctx, n)
	if err != nil {
		return nil, err
	}
	etag, err := scheduleTag(created)
	if err != nil {
		return nil, err
	}
	return &createdTagged[importview.Schedule]{
		Location: pathOf("/schedules/%s", created.Name), ETag: etag, Body: importview.ScheduleOf(created),
	}, nil
}

// scheduleTag returns the entity tag of what set-schedule replaces.
func scheduleTag(s starter.Schedule) (string, error) {
	return etagOf([]any{s.Request, s.Timing, s.Overlap, s.Catchup, s.PauseAfterFailures, s.Note})
}

type listSchedulesInput struct {
	Page
	Site   string `query:"site" maxLength:"253" doc:"Only schedules of this site."`
	Source string `query:"source" maxLength:"100" doc:"Only schedules of this importer."`
	State  string `query:"state" enum:"active,paused" doc:"Only schedules in this state."`
	Text   string `query:"text" maxLength:"100" doc:"Only schedules with this text in their name, site or source."`
}

func (a *API) listSchedules(ctx context.Context, in *listSchedulesInput) (*List[importview.Schedule], error) {
	read := func(scope access.Scope, after string, limit int) ([]importview.Schedule, error) {
		sites := scope.Domains()
		if in.Site != "" {
			sites = []string{}
			if scope.Has(in.Site) {
				sites = []string{in.Site}
			}
		}
		filter := starter.ScheduleFilter{Sites: sites, Source: in.Source, State: in.State, Text: in.Text}
		list, err := a.cfg.Starter.SchedulesOf(ctx, filter, after, int32(limit))
		return convert.Slice(list, importview.ScheduleOf), err
	}
	return scopedPage(ctx, in.Page, read, func(s importview.Schedule) string { return s.Name })
}

func (a *API) showSchedule(ctx context.Context, in *SchedulePath) (*tagged[importview.Schedule], error) {
	return a.scheduled(ctx, in.Schedule, nil)
}

// scheduled returns a schedule after a command, or the error of the command.
func (a *API) scheduled(ctx context.Context, name string, err error) (*tagged[importview.Schedule], error) {
	if err != nil {
		return nil, err
	}
	stored, err := a.cfg.Starter.StoredSchedule(ctx, name)
	if err != nil {
		return nil, err
	}
	etag, err := scheduleTag(stored)
	if err != nil {
		return nil, err
	}
	now, err := a.cfg.Starter.Schedule(ctx, name)
	return answerTagged(importview.ScheduleOf(now), etag, err)
}

// ScheduleChange is the body of set-schedule.
type ScheduleChange struct {
	ScheduleTiming
	ImportRequest
}

type setScheduleInput struct {
	SchedulePath
	IfMatch
	Body ScheduleChange
}

func (a *API) setSchedule(ctx context.Context, in *setScheduleInput) (*tagged[importview.Schedule], error) {
	stored, err := a.cfg.Starter.StoredSchedule(ctx, in.Schedule)
	if err != nil {
		return nil, err
	}
	n, err := in.Body.newSchedule(ctx, a, in.Schedule, stored.Request.Site, in.Body.ImportRequest)
	if err != nil {
		return nil, err
	}
	_, err = a.cfg.Starter.SetSchedule(ctx, n, func(now starter.Schedule) error {
		return in.matches(scheduleTag(now))
	})
	return a.scheduled(ctx, in.Schedule, err)
}

type scheduleCommandInput struct {
	SchedulePath
	Body *Reason
}

// scheduleCommand returns the handler of a command to a schedule.
func (a *API) scheduleCommand(
	send func(ctx context.Context, name string, by starter.By) error,
) func(ctx context.Context, in *scheduleCommandInput) (*tagged[importview.Schedule], error) {
	return func(ctx context.Context, in *scheduleCommandInput) (*tagged[importview.Schedule], error) {
		return a.scheduled(ctx, in.Schedule, send(ctx, in.Schedule, by(ctx, reasonOf(in.Body))))
	}
}

// Trigger is the body of trigger-schedule.
type Trigger struct {
	Overlap string `json:"overlap,omitempty" enum:"skip,buffer-one,buffer-all,cancel-other,allow" doc:"Policy of this run; the schedule's by default."`
}

type triggerInput struct {
	SchedulePath
	Body *Trigger
}

type timesInput struct {
	SchedulePath
	From time.Time `query:"from" required:"true" doc:"First time."`
	To   time.Time `query:"to" doc:"Last time; now by default."`
}

// ScheduleTimes are times of a schedule in the past.
type ScheduleTimes struct {
	Times []time.Time `json:"times" doc:"At most 1,000."`
}

func (a *API) backfillTimes(ctx context.Context, in *timesInput) (*output[ScheduleTimes], error) {
	times, err := a.cfg.Starter.BackfillTimes(ctx, in.Schedule, in.From, orNow(in.To))
	return answer(ScheduleTimes{append([]time.Time{}, times...)}, err)
}

func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}

// Backfill is the body of backfill-schedule.
type Backfill struct {
	From    time.Time  `json:"from" doc:"First time."`
	To      *time.Time `json:"to,omitempty" doc:"Last time; now by default."`
	Overlap string     `json:"overlap,omitempty" enum:"skip,buffer-one,buffer-all,cancel-other,allow" doc:"Policy of these runs; buffer-all by default."`
}

type backfillInput struct {
	SchedulePath
	Body Backfill
}

func (a *API) backfill(ctx context.Context, in *backfillInput) (*output[ScheduleTimes], error) {
	to := time.Time{}
	set(&to, in.Body.To)
	times, err := a.cfg.Starter.BackfillSchedule(ctx, in.Schedule, in.Body.From, orNow(to), in.Body.Overlap)
	return answer(ScheduleTimes{append([]time.Time{}, times...)}, err)
}
