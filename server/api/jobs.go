package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/sluicehq/sluice/access"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// tagJobs is the resource of jobs in the document.
const tagJobs = "jobs"

// jobs adds the operations of jobs.
func (a *API) jobs() {
	add := func(o operation) operation {
		o.tag, o.reach = tagJobs, reachAll
		return o
	}
	register(a, add(operation{
		id: "list-jobs", method: http.MethodGet, path: "/jobs",
		summary: "List jobs, newest first", need: access.PermissionRead,
	}), a.listJobs)
	register(a, add(operation{
		id: "count-jobs", method: http.MethodGet, path: "/jobs/stats",
		summary: "Count jobs by destination, action and state", need: access.PermissionRead,
	}), a.countJobs)
	register(a, add(operation{
		id: "show-job", method: http.MethodGet, path: "/jobs/{job}",
		summary: "Show a job with its payload and history", need: access.PermissionRead, description: aboutPayloads,
	}), a.showJob)
	register(a, add(operation{
		id: "edit-job", method: http.MethodPatch, path: "/jobs/{job}",
		summary: "Change the payload of a job and retry it now", need: access.PermissionOperate,
		description: "`show-job` lists earlier payloads.",
		problems:    []problemType{problemConflict, problemPrecondition, problemNeedsMatch},
	}), a.editJob)
	for _, c := range []struct {
		command       deliverystore.JobCommand
		path, summary string
	}{
		{deliverystore.CommandRetry, "retry", "Retry jobs now and reset their attempts"},
		{deliverystore.CommandCancel, "cancel", "Cancel jobs that are not executing"},
		{deliverystore.CommandHold, "hold", "Hold jobs until they are released"},
		{deliverystore.CommandRelease, "release", "Release held jobs and deliver them now"},
		{deliverystore.CommandSucceed, "resolve-succeeded", "Resolve unknown jobs as succeeded"},
		{deliverystore.CommandDiscard, "resolve-discarded", "Resolve unknown jobs as discarded"},
	} {
		register(a, add(operation{
			id: c.path + "-jobs", method: http.MethodPost, path: "/jobs/" + c.path, summary: c.summary,
			need: access.PermissionOperate, description: selection, problems: []problemType{problemConflict, problemNotFound},
		}), a.changeJobs(c.command))
	}
	register(a, add(operation{
		id: "replay-jobs", method: http.MethodPost, path: "/jobs/replay",
		summary: "Replay jobs as new jobs of the same events", need: access.PermissionOperate, description: selection,
		problems: []problemType{problemConflict, problemNotFound},
	}), a.replayJobs)
}

// selection describes how commands select jobs.
const selection = "Select jobs by `ids`, by a `filter`, or all. A filter is counted first: `dry_run` returns the " +
	"number of jobs that the command would change, and `most` is required to change them. If more are selected then, " +
	"the command is refused and nothing changes."

// JobPath is the input of an operation on a job.
type JobPath struct {
	Job string `path:"job" maxLength:"64" doc:"ID of the job."`
}

type listJobsInput struct {
	Page
	JobsFilter
}

func (a *API) listJobs(ctx context.Context, in *listJobsInput) (*List[deliveryclient.Job], error) {
	filter, _ := in.filter()
	return paged(ctx, in.Page, func(before string, limit int) ([]deliveryclient.Job, error) {
		return a.jobClient().List(ctx, filter, deliverystore.Page{Before: before, Limit: int32(limit)})
	}, func(j deliveryclient.Job) string { return j.ID })
}

type countJobsInput struct {
	JobsFilter
	Hourly bool  `query:"hourly" doc:"Count by hour, destination and state instead; the last 24 hours without bounds of the creation."`
	Most   int32 `query:"most" minimum:"0" maximum:"100000" doc:"Count by state alone instead, and each state up to this number; 0 for no limit. Larger numbers cost time."`
}

func (a *API) countJobs(ctx context.Context, in *countJobsInput) (*items[deliveryclient.JobCount], error) {
	count := a.jobClient().Stats
	switch {
	case in.Hourly && in.Most > 0:
		return nil, invalidParameter("most", "want it without hourly")
	case in.Hourly:
		count = a.jobClient().StatsByHour
	case in.Most > 0:
		count = func(ctx context.Context, f deliverystore.JobFilter) ([]deliveryclient.JobCount, error) {
			return a.jobClient().StatsByState(ctx, f, in.Most)
		}
	}
	filter, _ := in.filter()
	counts, err := count(ctx, filter)
	return itemsOf(counts), err
}

func (a *API) showJob(ctx context.Context, in *JobPath) (*tagged[deliveryclient.JobDetails], error) {
	job, err := a.jobClient().Show(ctx, in.Job)
	if err != nil {
		return nil, err
	}
	payloads := []*json.RawMessage{&job.Context, &job.Data}
	for i := range job.Edits {
		payloads = append(payloads, &job.Edits[i].Context, &job.Edits[i].Data)
	}
	if err := redactFor(ctx, payloads...); err != nil {
		return nil, fmt.Errorf("show job %s: %w", in.Job, err)
	}
	tag, err := etagOf(job)
	return answerTagged(job, tag, err)
}

// EditedJob is the body of edit-job. What is left out stays as it is.
type EditedJob struct {
	Context map[string]json.RawMessage `json:"context,omitempty" doc:"Replaces the context."`
	Data    map[string]json.RawMessage `json:"data,omitempty" doc:"Replaces the data."`
	Reason
}

type editJobInput struct {
	JobPath
	IfMatch
	Body EditedJob
}

func (a *API) editJob(ctx context.Context, in *editJobInput) (*tagged[deliveryclient.JobDetails], error) {
	before, err := a.showJob(ctx, &in.JobPath)
	if err != nil {
		return nil, err
	}
	if err := in.matches(before.ETag, nil); err != nil {
		return nil, err
	}
	jobContext, err := objectOf(in.Body.Context)
	if err != nil {
		return nil, err
	}
	data, err := objectOf(in.Body.Data)
	if err != nil {
		return nil, err
	}
	if err := a.jobClient().Edit(ctx, in.Job, jobContext, data, by(ctx, in.Body.Reason.Reason)); err != nil {
		return nil, err
	}
	return a.showJob(ctx, &in.JobPath)
}

// objectOf returns an object as JSON, nil for none.
func objectOf(object map[string]json.RawMessage) (json.RawMessage, error) {
	if object == nil {
		return nil, nil
	}
	return json.Marshal(object)
}

// JobSelection selects the jobs of a command.
type JobSelection struct {
	IDs    []string    `json:"ids,omitempty" maxItems:"1000" doc:"IDs of jobs."`
	Filter *JobsFilter `json:"filter,omitempty" doc:"Selects those of the matching jobs that the command applies to."`
	All    bool        `json:"all,omitempty" doc:"Select every job."`
	Most   int64       `json:"most,omitempty" minimum:"0" doc:"Maximum number of jobs of a filter, or of all."`
	DryRun bool        `json:"dry_run,omitempty" doc:"Count the jobs, and change none."`
	Reason
}

// selection returns a selection, or the problem of the body.
func (s JobSelection) selection() (deliveryclient.Selection, error) {
	selected := deliveryclient.Selection{IDs: s.IDs, All: s.All, Most: s.Most}
	if s.Filter != nil {
		filter, set := s.Filter.filter()
		if !set {
			return selected, invalidField("#/filter", "want a field, or all: an empty filter selects every job")
		}
		selected.Filter = &filter
	}
	if (s.Filter != nil || s.All) && s.Most == 0 && !s.DryRun {
		return selected, invalidField("#/most", "want the maximum number of jobs: count them first with dry_run")
	}
	return selected, nil
}

// ChangedJobs is the result of a command to jobs.
type ChangedJobs struct {
	Result string   `json:"result" example:"retried" doc:"What the command does to jobs."`
	Jobs   int64    `json:"jobs" doc:"Number of jobs that were changed, or that would be with dry_run."`
	DryRun bool     `json:"dry_run" doc:"Nothing was changed."`
	IDs    []string `json:"ids,omitempty" doc:"IDs of the new jobs of a replay, at most 1000."`
	Faults []string `json:"faults,omitempty" doc:"Why other jobs were not changed."`
}

// changeJobs returns the handler of a command to jobs.
func (a *API) changeJobs(
	c deliverystore.JobCommand,
) func(context.Context, *input[JobSelection]) (*output[ChangedJobs], error) {
	return func(ctx context.Context, in *input[JobSelection]) (*output[ChangedJobs], error) {
		selected, err := in.Body.selection()
		if err != nil {
			return nil, err
		}
		out := &output[ChangedJobs]{ChangedJobs{Result: deliveryclient.Done(c), DryRun: in.Body.DryRun}}
		if in.Body.DryRun {
			out.Body.Jobs, err = a.jobClient().CountChanges(ctx, c, selected)
			return out, err
		}
		out.Body.Jobs, err = a.jobClient().Change(ctx, c, selected, by(ctx, in.Body.Reason.Reason))
		return out, a.partly(ctx, out, err)
	}
}

// partly adds the error of a command that has changed some jobs to its answer, or returns the error if none was
// changed.
func (a *API) partly(ctx context.Context, out *output[ChangedJobs], err error) error {
	if err == nil || out.Body.Jobs == 0 {
		return err
	}
	for _, fault := range faultsOf(a.problem(ctx, err).Detail) {
		out.Body.Faults = append(out.Body.Faults, fault.Detail)
	}
	return nil
}

// maxReplayed bounds the IDs of the new jobs in an answer.
const maxReplayed = 1000

func (a *API) replayJobs(ctx context.Context, in *input[JobSelection]) (*output[ChangedJobs], error) {
	selected, err := in.Body.selection()
	if err != nil {
		return nil, err
	}
	out := &output[ChangedJobs]{ChangedJobs{Result: "replayed", DryRun: in.Body.DryRun}}
	if in.Body.DryRun {
		out.Body.Jobs, err = a.jobClient().CountReplay(ctx, selected)
		return out, err
	}
	added, err := a.jobClient().Replay(ctx, selected, by(ctx, in.Body.Reason.Reason))
	out.Body.Jobs, out.Body.IDs = int64(len(added)), added[:min(len(added), maxReplayed)]
	return out, a.partly(ctx, out, err)
}
