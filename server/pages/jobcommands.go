package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/server/api"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// jobCommands adds the pages of commands to many jobs: the number of jobs first, then the command.
func (p *Pages) jobCommands() {
	p.page("GET /jobs/commands", "job_command", p.jobCommandPage)
	p.action("POST /jobs/commands", "job_command", p.jobCommandPage, changeJobs)
	p.page("GET /jobs/commands/done", "job_command_done", p.jobCommandDone)
}

// jobFilters are the parameters of the page of jobs that are passed on to the API as they are, beside two times.
var jobFilters = []string{"state", "destination", "action", "event", "source", "name"}

// jobQuery returns the filter of the page of jobs as parameters of the API.
func jobQuery(v *visit) (url.Values, error) {
	return v.filters(jobFilters, "created_after", "created_before")
}

// filters returns parameters of the page as those of the API. times are those of times.
func (v *visit) filters(names []string, times ...string) (url.Values, error) {
	query := v.passed(names...)
	for _, name := range times {
		at, err := timeIn(v.r.URL.Query().Get(name))
		if err != nil {
			return nil, invalid(name, err.Error())
		}
		if !at.IsZero() {
			query.Set(name, at.Format(time.RFC3339))
		}
	}
	return query, nil
}

// timeIn reads the value of a field for a time, in UTC; zero for none. Links may have RFC 3339.
func timeIn(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), nil
	}
	return typedTime(text, time.UTC)
}

// bulkCommands returns the commands to many jobs.
func bulkCommands() []string {
	names := convert.Slice(deliverystore.JobCommands(), func(c deliverystore.JobCommand) string { return string(c) })
	return append(names, deliveryclient.CommandReplay)
}

// appliesTo tells whether a command applies to jobs in a state.
func appliesTo(command deliverystore.JobCommand, state string) bool {
	return command == deliveryclient.CommandReplay || slices.Contains(deliverystore.CommandsFor(state), command)
}

// jobSelection returns the jobs that the page names: the ticked ones, else those of the filter, else all.
func jobSelection(v *visit) (api.JobSelection, error) {
	query := v.r.URL.Query()
	if ids := query["id"]; len(ids) > 0 {
		return api.JobSelection{IDs: ids}, nil
	}
	filter, err := jobQuery(v)
	if err != nil || len(filter) == 0 {
		return api.JobSelection{All: true}, err
	}
	selected := &api.JobsFilter{
		JobFilter: api.JobFilter{
			States: filter["state"], Destinations: filter["destination"], Actions: filter["action"],
			Event: filter.Get("event"),
		},
		EventFilter: api.EventFilter{Sources: filter["source"], Names: filter["name"]},
	}
	// filters has written these times.
	selected.CreatedAfter, _ = timeIn(filter.Get("created_after"))   //nolint:errcheck // see above
	selected.CreatedBefore, _ = timeIn(filter.Get("created_before")) //nolint:errcheck // see above
	return api.JobSelection{Filter: selected}, nil
}

// jobCommand is the page of a command to many jobs, before it is sent.
type jobCommand struct {
	Command string
	// Jobs is the number of jobs that it would change.
	Jobs int64
	// Ticked is the number of jobs chosen one by one, 0 for those of the filter.
	Ticked int
	// Filter is what selects the jobs, for people. It is empty for all jobs.
	Filter []jobCondition
	// Path is that of the page with its query, and Back the one of the list. A template would escape a query alone.
	Path, Back string
	// Key makes a repetition of the command harmless.
	Key string
}

// jobCondition is a field of a filter.
type jobCondition struct{ Name, Value string }

// bulkCommand returns the command that the page names.
func bulkCommand(v *visit) (string, error) {
	command := v.r.URL.Query().Get("command")
	if !slices.Contains(bulkCommands(), command) {
		return "", invalid("command", "want one of "+strings.Join(bulkCommands(), ", "))
	}
	return command, nil
}

// listPath returns the path of the list that the page of a command was opened from, with its query.
func listPath(v *visit) string {
	query := v.r.URL.Query()
	for _, name := range []string{"command", "id", "changed", "after"} {
		query.Del(name)
	}
	for name, values := range query {
		if values[0] == "" {
			query.Del(name)
		}
	}
	return (&url.URL{Path: "/jobs", RawQuery: query.Encode()}).String()
}

func (p *Pages) jobCommandPage(v *visit) (any, error) {
	command, err := bulkCommand(v)
	if err != nil {
		return nil, err
	}
	selected, err := jobSelection(v)
	if err != nil {
		return nil, err
	}
	selected.DryRun = true
	var counted api.ChangedJobs
	if err := v.send(http.MethodPost, "/jobs/"+command, selected, &counted); err != nil {
		return nil, err
	}
	shown := jobCommand{
		Command: command, Jobs: counted.Jobs, Ticked: len(selected.IDs), Path: "/jobs/commands?" + v.r.URL.Query().Encode(),
		Back: listPath(v), Key: newKey(),
	}
	for _, name := range append(slices.Clone(jobFilters), "created_after", "created_before") {
		if value := v.r.URL.Query().Get(name); value != "" {
			shown.Filter = append(shown.Filter, jobCondition{words(name), value})
		}
	}
	return shown, nil
}

// changeJobs sends the command to at most as many jobs as the page has shown.
func changeJobs(v *visit) (string, error) {
	command, err := bulkCommand(v)
	if err != nil {
		return "", err
	}
	selected, err := jobSelection(v)
	if err != nil {
		return "", err
	}
	if len(selected.IDs) == 0 {
		if selected.Most, err = strconv.ParseInt(v.r.PostForm.Get("most"), 10, 64); err != nil || selected.Most < 1 {
			return "", invalid("most", "want the number of jobs that the page has shown")
		}
	}
	selected.Reason = api.Reason{Reason: v.r.PostForm.Get("reason")}
	var changed api.ChangedJobs
	if err := v.sendOnce("/jobs/"+command, selected, &changed); err != nil {
		return "", err
	}
	if len(changed.Faults) > 0 {
		return "", partly(changed)
	}
	query := v.r.URL.Query()
	query.Del("id")
	query.Set("changed", strconv.FormatInt(changed.Jobs, 10))
	return "/jobs/commands/done?" + query.Encode(), nil
}

// partly is the problem of a command that has changed some jobs only.
func partly(changed api.ChangedJobs) error {
	problem := &api.Problem{
		Title: "Not all jobs were changed", Status: http.StatusConflict,
		Detail: plural(changed.Jobs, "job was ", "jobs were ") + changed.Result + ". The others were not:",
	}
	for _, fault := range changed.Faults {
		problem.Errors = append(problem.Errors, api.Fault{Detail: fault})
	}
	return problem
}

// jobCommandDone is the page of a command to many jobs, afterwards.
func (p *Pages) jobCommandDone(v *visit) (any, error) {
	command, err := bulkCommand(v)
	if err != nil {
		return nil, err
	}
	changed, err := strconv.ParseInt(v.r.URL.Query().Get("changed"), 10, 64)
	if err != nil {
		return nil, invalid("changed", "want a number of jobs")
	}
	return jobCommand{Command: command, Jobs: changed, Back: listPath(v)}, nil
}
