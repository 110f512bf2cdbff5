package pages

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/server/api"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// jobs adds the pages of jobs.
func (p *Pages) jobs() {
	p.nav("Delivery", "/jobs", "Jobs", access.PermissionRead, true)
	p.page("GET /jobs", "jobs", p.jobsPage)
	p.page("GET /jobs/{job}", "job", p.jobPage)
	p.page("GET /jobs/{job}/edit", "job_edit", p.editJobPage)
	p.action("POST /jobs/{job}/edit", "job_edit", p.editJobPage, editJob)
	for _, c := range deliverystore.JobCommands() {
		p.action("POST /jobs/{job}/"+string(c), "job", p.jobPage, func(v *visit) (string, error) {
			return jobPath(v), v.sendOnce("/jobs/"+string(c), oneJob(v), nil)
		})
	}
	p.action("POST /jobs/{job}/"+deliveryclient.CommandReplay, "job", p.jobPage, replayJob)
	p.jobCommands()
}

// jobPath is the path of the job of a request, here and at the API.
func jobPath(v *visit) string { return v.at("/jobs/{job}") }

// oneJob selects the job of a request.
func oneJob(v *visit) api.JobSelection {
	return api.JobSelection{
		IDs: []string{v.r.PathValue("job")}, Reason: api.Reason{Reason: v.r.PostForm.Get("reason")},
	}
}

func replayJob(v *visit) (string, error) {
	var changed api.ChangedJobs
	if err := v.sendOnce("/jobs/replay", oneJob(v), &changed); err != nil {
		return "", err
	}
	if len(changed.IDs) == 0 {
		return "", &api.Problem{
			Title: "The job was not replayed", Status: http.StatusConflict, Detail: "Its event was purged meanwhile.",
		}
	}
	return "/jobs/" + url.PathEscape(changed.IDs[0]), nil
}

// jobList is the page of jobs.
type jobList struct {
	List[deliveryclient.Job]
	// Tabs are the states with the numbers of jobs that the other filters select, and Total is their sum. Each is counted
	// up to maxCountedJobs.
	Tabs  []stateCount
	Total stateCount
	// Commands are those that apply to jobs that the filters select.
	Commands []string
}

// maxCountedJobs is the number up to which the jobs of a state are counted: to count all takes time for each.
const maxCountedJobs = 10_000

// stateCount is a number of jobs in a state.
type stateCount struct {
	State string
	Jobs  int64
	// More means that there are more than Jobs.
	More bool
}

// add adds a number of jobs that was counted up to maxCountedJobs+1.
func (n *stateCount) add(jobs int64) {
	n.Jobs += min(jobs, maxCountedJobs)
	n.More = n.More || jobs > maxCountedJobs
}

// statesOf returns numbers of jobs in the order of the states, without those that are 0.
func statesOf(jobs map[string]int64) []stateCount {
	var all []stateCount
	for _, state := range deliverystore.JobStates() {
		if jobs[state] > 0 {
			all = append(all, stateCount{State: state, Jobs: jobs[state]})
		}
	}
	return all
}

func (p *Pages) jobsPage(v *visit) (any, error) {
	query, err := jobQuery(v)
	if err != nil {
		return nil, err
	}
	var list jobList
	if after := v.r.URL.Query().Get("after"); after != "" {
		query.Set("after", after)
	}
	if list.List, err = get[List[deliveryclient.Job]](v, "/jobs", query); err != nil {
		return nil, err
	}
	query.Del("after")
	query.Del("state")
	query.Set("most", strconv.Itoa(maxCountedJobs+1))
	counts, err := get[List[deliveryclient.JobCount]](v, "/jobs/stats", query)
	if err != nil {
		return nil, err
	}
	for _, state := range deliverystore.JobStates() {
		tab := stateCount{State: state}
		for _, n := range counts.Items {
			if n.State == state {
				tab.add(n.Jobs)
				list.Total.add(n.Jobs)
			}
		}
		list.Tabs = append(list.Tabs, tab)
	}
	for _, command := range append(deliverystore.JobCommands(), deliveryclient.CommandReplay) {
		applies := func(s stateCount) bool {
			chosen := v.r.URL.Query().Get("state")
			return s.Jobs > 0 && (chosen == "" || chosen == s.State) && appliesTo(command, s.State)
		}
		if slices.ContainsFunc(list.Tabs, applies) {
			list.Commands = append(list.Commands, string(command))
		}
	}
	return list, nil
}

// jobDetails is a job on its pages.
type jobDetails struct{ deliveryclient.JobDetails }

// May tells whether the job accepts a command now.
func (j jobDetails) May(command string) bool { return slices.Contains(j.Commands, command) }

// jobShown is the page of a job.
type jobShown struct {
	jobDetails
	Ended    bool
	Timeline []jobMove
	// Key makes a repetition of a command harmless.
	Key string
}

// jobMove is a line of the history of a job.
type jobMove struct {
	deliveryclient.Transition
	// Waited is the time since the line before, "" for the first one.
	Waited string
}

func (p *Pages) jobPage(v *visit) (any, error) {
	job, err := get[jobDetails](v, jobPath(v), nil)
	if err != nil {
		return nil, err
	}
	shown := jobShown{
		jobDetails: job, Ended: slices.Contains(deliverystore.EndedStates(), job.State), Key: newKey(),
	}
	var last time.Time
	for _, t := range job.Transitions {
		move := jobMove{Transition: t}
		if !last.IsZero() {
			move.Waited = duration(t.At.Sub(last))
		}
		last, shown.Timeline = t.At, append(shown.Timeline, move)
	}
	return shown, nil
}

// jobForm is the page that edits the payload of a job.
type jobForm struct {
	jobDetails
	ETag string
}

func (p *Pages) editJobPage(v *visit) (any, error) {
	job, etag, err := getTagged[jobDetails](v, jobPath(v))
	return jobForm{jobDetails: job, ETag: etag}, err
}

func editJob(v *visit) (string, error) {
	path := jobPath(v)
	job, err := get[deliveryclient.JobDetails](v, path, nil)
	if err != nil {
		return "", err
	}
	edited := api.EditedJob{Reason: api.Reason{Reason: v.r.PostForm.Get("reason")}}
	if edited.Context, err = v.changedObject("context", job.Context); err != nil {
		return "", err
	}
	if edited.Data, err = v.changedObject("data", job.Data); err != nil {
		return "", err
	}
	return path, v.edit(http.MethodPatch, path, edited)
}

// changedObject reads a JSON object that was typed over another value, nil if it is the same.
func (v *visit) changedObject(field string, before json.RawMessage) (map[string]json.RawMessage, error) {
	var was, is bytes.Buffer
	if json.Compact(&was, before) == nil && json.Compact(&is, []byte(v.r.PostForm.Get(field))) == nil &&
		bytes.Equal(was.Bytes(), is.Bytes()) {
		return nil, nil
	}
	object, err := v.typedObject(field)
	if err == nil && object == nil {
		return nil, invalid(field, "want a JSON object: {} for an empty one")
	}
	return object, err
}
