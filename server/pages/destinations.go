package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/server/api"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// destinations adds the pages of destinations and their actions.
func (p *Pages) destinations() {
	p.nav("Delivery", "/destinations", "Destinations", access.PermissionRead, true)
	p.page("GET /destinations", "destinations", p.destinationsPage)
	p.page("GET /destinations/{destination}", "destination", p.destinationPage)
	p.page("GET /destinations/{destination}/actions/{action}", "destination_action", p.actionPage)
	p.action("POST /destinations/{destination}/actions/{action}", "destination_action", p.actionPage, setAction)
	s := subject{p, "/destinations/{destination}", "destination", p.destinationPage}
	s.commands("pause", "resume", "actions/{action}/pause", "actions/{action}/resume", "actions/{action}/trigger")
	for _, command := range []string{"/connections/{connection}/pause", "/connections/{connection}/resume"} {
		s.command(command[1:], func(v *visit) error { return v.sendReason(v.at(command)) })
	}
}

// destinationPath is the path of the destination of a request, here and at the API.
func destinationPath(v *visit) string { return v.at("/destinations/{destination}") }

// actionPath is the path of the action of a request, here and at the API.
func actionPath(v *visit) string { return v.at("/destinations/{destination}/actions/{action}") }

// destinationShown is a destination with what needs a person.
type destinationShown struct {
	deliveryclient.Destination
	Needs []need
}

// need is a reason to look at a destination, the most urgent one first.
type need struct {
	// Tone is that of a note: problem, warn or "".
	Tone, Text string
	// Link is where it can be acted on, and Do its text; empty for none.
	Link, Do string
}

// needsOf returns what needs a person at a destination, from what the API says about it.
func needsOf(d deliveryclient.Destination) []need {
	var problems, others []need
	page := "/destinations/" + url.PathEscape(d.Name)
	jobs := "/jobs?destination=" + url.QueryEscape(d.Name) + "&state="
	if d.Workers == 0 {
		problems = append(problems, need{Tone: "problem", Text: "No worker has it, and its jobs wait: start sluice worker, " +
			"or the worker of the program that brings it."})
	}
	for _, a := range d.Actions {
		switch {
		case a.Fault != "":
			problems = append(problems, need{
				Tone: "problem", Text: "The settings of " + a.Name + " are invalid: " + a.Fault,
				Link: page + "/actions/" + url.PathEscape(a.Name), Do: "Correct the settings",
			})
		case d.Workers > 0 && a.Workers == 0:
			problems = append(problems, need{Tone: "problem", Text: "No worker has the action " + a.Name + "."})
		case d.Workers > 0 && a.Workflow != deliveryclient.WorkflowRunning:
			problems = append(problems, need{Tone: "problem", Text: "The workflow of " + a.Name + " is " + a.Workflow +
				": " + a.WorkflowFault + "."})
		}
		if a.Paused && !d.Paused {
			others = append(others, need{"warn", a.Name + " is paused: its jobs wait.", page, "Resume it"})
		}
	}
	if d.Paused {
		others = append(others, need{"warn", "It is paused: its jobs wait.", page, "Resume it"})
	}
	for _, c := range d.Connections {
		switch c.State {
		case deliverystore.ConnectionHealthy, deliverystore.ConnectionFailing:
		case deliverystore.ConnectionPaused:
			others = append(others, need{"warn", "The connection " + c.Connection + " is paused.", page, "Resume it"})
		case deliveryclient.ConnectionMissing:
			problems = append(problems, need{
				"problem", fmt.Sprintf("The connection %s does not exist, and %s.", c.Connection,
					plural(c.Waiting, "job waits", "jobs wait")), "/connections", "Add it",
			})
		default:
			problems = append(problems, need{
				"problem", fmt.Sprintf("The circuit of %s is open: %s", c.Connection, c.Reason), page, "Look at its circuit",
			})
		}
	}
	if n := d.Jobs[deliverystore.JobUnknown]; n > 0 {
		others = append(others, need{
			"warn", plural(n, "job has", "jobs have") + " an unknown result.", jobs + deliverystore.JobUnknown,
			"Resolve or retry",
		})
	}
	if n := d.Jobs[deliverystore.JobDiscarded]; n > 0 {
		others = append(others, need{
			"warn", plural(n, "job was", "jobs were") + " discarded.", jobs + deliverystore.JobDiscarded, "Correct and retry",
		})
	}
	return append(problems, others...)
}

// destinationFilters are the filters of destinations.
var destinationFilters = []string{"text", "state"}

// destinationList is the page of destinations.
type destinationList struct {
	Items []destinationShown
	After string
}

func (p *Pages) destinationsPage(v *visit) (any, error) {
	all, err := getPage[deliveryclient.Destination](v, "/destinations", destinationFilters...)
	list := destinationList{After: all.After()}
	for _, d := range all.Items {
		list.Items = append(list.Items, destinationShown{d, needsOf(d)})
	}
	return list, err
}

func (p *Pages) destinationPage(v *visit) (any, error) {
	d, err := get[deliveryclient.Destination](v, destinationPath(v), nil)
	return destinationShown{d, needsOf(d)}, err
}

// actionShown is the page of an action with its settings.
type actionShown struct {
	deliveryclient.Action
	Destination string
	ETag        string
}

func (p *Pages) actionPage(v *visit) (any, error) {
	action, etag, err := getTagged[deliveryclient.Action](v, actionPath(v))
	return actionShown{Action: action, Destination: v.r.PathValue("destination"), ETag: etag}, err
}

// setAction changes the settings that differ from those that the form was opened with: an unchanged one keeps following
// the program.
func setAction(v *visit) (string, error) {
	path := actionPath(v)
	before, err := get[deliveryclient.Action](v, path, nil)
	if err != nil {
		return "", err
	}
	form := v.r.PostForm
	settings := api.ActionSettings{Reason: api.Reason{Reason: form.Get("reason")}}
	if realtime := form.Get("realtime") == "true"; realtime != before.Realtime {
		settings.Realtime = &realtime
	}
	if interval := strings.TrimSpace(form.Get("interval")); interval != before.Interval {
		settings.Interval = &interval
	}
	if zone := strings.TrimSpace(form.Get("time_zone")); zone != before.TimeZone {
		settings.TimeZone = &zone
	}
	rate, err := strconv.ParseFloat(strings.TrimSpace(form.Get("rate_per_second")), 64)
	if err != nil {
		return "", invalid("rate_per_second", "want a number of jobs per second, or 0 for the program's limit")
	}
	if rate != before.RatePerSecond {
		settings.RatePerSecond = &rate
	}
	batches, err := strconv.ParseInt(strings.TrimSpace(form.Get("concurrency")), 10, 32)
	if err != nil {
		return "", invalid("concurrency", "want a whole number of batches, or 0 for the program's limit")
	}
	if batches != int64(before.Concurrency) {
		settings.Concurrency = new(int32(batches))
	}
	return destinationPath(v), v.edit(http.MethodPatch, path, settings)
}
