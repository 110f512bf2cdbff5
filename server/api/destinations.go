package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/sluicehq/sluice/access"
	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
)

// tagDestinations is the resource of destinations in the document.
const tagDestinations = "destinations"

// destinationCall is a command to an action of a destination.
type destinationCall func(ctx context.Context, ref deliveryacts.ActionRef, by starter.By) error

// destinations adds the operations of destinations and their actions.
func (a *API) destinations() {
	add := func(o operation) operation {
		o.tag, o.reach = tagDestinations, reachAll
		return o
	}
	client := a.cfg.Deliveries
	register(a, add(operation{
		id: "list-destinations", method: http.MethodGet, path: "/destinations",
		summary: "List destinations with their actions and jobs", need: access.PermissionRead,
	}), a.listDestinations)
	register(a, add(operation{
		id: "show-destination", method: http.MethodGet, path: "/destinations/{destination}",
		summary: "Show a destination with its actions and the circuits of its connections", need: access.PermissionRead,
	}), a.showDestination)
	command := func(o operation) operation {
		o.method, o.need, o.problems = http.MethodPost, access.PermissionOperate, commandProblems
		return add(o)
	}
	register(a, command(operation{
		id: "pause-destination", path: "/destinations/{destination}/pause",
		summary: "Pause all actions of a destination: their jobs wait",
	}), a.destinationCommanded(client.Pause))
	register(a, command(operation{
		id: "resume-destination", path: "/destinations/{destination}/resume",
		summary: "Resume all actions of a destination, and probe open circuits now",
	}), a.destinationCommanded(client.Resume))
	const action = "/destinations/{destination}/actions/{action}"
	register(a, add(operation{
		id: "show-action", method: http.MethodGet, path: action,
		summary: "Show an action with its effective settings", need: access.PermissionRead,
	}), a.showAction)
	register(a, command(operation{
		id: "pause-action", path: action + "/pause", summary: "Pause an action: its jobs wait",
	}), a.actionCommanded(client.Pause))
	register(a, command(operation{
		id: "resume-action", path: action + "/resume", summary: "Resume an action, and probe open circuits now",
	}), a.actionCommanded(client.Resume))
	register(a, command(operation{
		id: "trigger-action", path: action + "/trigger",
		summary: "Deliver an action's waiting jobs now, including retries and open circuits",
	}), a.actionCommanded(client.Trigger))
	register(a, add(operation{
		id: "set-action", method: http.MethodPatch, path: action,
		summary: "Change the schedule, the rate or the concurrency of an action", need: access.PermissionAdminister,
		description: "What is left out stays as it is. Each kind of setting is a command of its own: after an error, " +
			"earlier ones are in force.",
		problems: append([]problemType{problemPrecondition, problemNeedsMatch}, commandProblems...),
	}), a.setAction)
}

// DestinationPath is the input of an operation on a destination.
type DestinationPath struct {
	Destination string `path:"destination" maxLength:"50" doc:"Name of the destination."`
}

// ActionPath is the input of an operation on an action.
type ActionPath struct {
	DestinationPath
	Action string `path:"action" maxLength:"50" doc:"Name of the action."`
}

type listDestinationsInput struct {
	Page
	State string `query:"state" enum:"healthy,paused,unhealthy" doc:"Only destinations in this state."`
	Text  string `query:"text" maxLength:"100" doc:"Only destinations with this text in their name or label."`
}

func (a *API) listDestinations(
	ctx context.Context, in *listDestinationsInput,
) (*List[deliveryclient.Destination], error) {
	all, err := a.destinationClient().List(ctx, deliveryclient.DestinationFilter{State: in.State, Text: in.Text})
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		hideAddresses(d)
	}
	return namedPage(ctx, in.Page, all, func(d deliveryclient.Destination) string { return d.Name })
}

// hideAddresses replaces errors of Temporal, which have its address.
func hideAddresses(d deliveryclient.Destination) {
	for i := range d.Actions {
		if d.Actions[i].Workflow == deliveryclient.WorkflowUnknown {
			d.Actions[i].WorkflowFault = "Temporal does not answer"
		}
	}
}

// missing makes an unknown destination or action a resource that does not exist.
func missing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return newProblem(problemNotFound, err.Error())
	}
	return err
}

func (a *API) showDestination(ctx context.Context, in *DestinationPath) (*output[deliveryclient.Destination], error) {
	d, err := a.destinationClient().Show(ctx, in.Destination)
	if err != nil {
		return nil, missing(err)
	}
	hideAddresses(d)
	return answer(d, nil)
}

type destinationCommandInput struct {
	DestinationPath
	Body *Reason
}

// destinationCommanded returns the handler of a command to a destination.
func (a *API) destinationCommanded(
	send destinationCall,
) func(context.Context, *destinationCommandInput) (*output[deliveryclient.Destination], error) {
	return func(ctx context.Context, in *destinationCommandInput) (*output[deliveryclient.Destination], error) {
		ref := deliveryacts.ActionRef{Destination: in.Destination}
		if err := send(ctx, ref, by(ctx, reasonOf(in.Body))); err != nil {
			return nil, missing(err)
		}
		return a.showDestination(ctx, &in.DestinationPath)
	}
}

type actionCommandInput struct {
	ActionPath
	Body *Reason
}

// actionCommanded returns the handler of a command to an action.
func (a *API) actionCommanded(
	send destinationCall,
) func(context.Context, *actionCommandInput) (*tagged[deliveryclient.Action], error) {
	return func(ctx context.Context, in *actionCommandInput) (*tagged[deliveryclient.Action], error) {
		ref := deliveryacts.ActionRef{Destination: in.Destination, Action: in.Action}
		if err := send(ctx, ref, by(ctx, reasonOf(in.Body))); err != nil {
			return nil, missing(err)
		}
		return a.showAction(ctx, &in.ActionPath)
	}
}

func (a *API) showAction(ctx context.Context, in *ActionPath) (*tagged[deliveryclient.Action], error) {
	d, err := a.showDestination(ctx, &in.DestinationPath)
	if err != nil {
		return nil, err
	}
	for _, action := range d.Body.Actions {
		if action.Name == in.Action {
			tag, err := etagOf([]any{
				action.Realtime, action.Interval, action.TimeZone, action.RatePerSecond, action.Concurrency,
			})
			return answerTagged(action, tag, err)
		}
	}
	return nil, newProblem(problemNotFound, "The destination has no such action.")
}

// ActionSettings is the body of set-action.
type ActionSettings struct {
	Realtime      *bool    `json:"realtime,omitempty" doc:"Deliver jobs as soon as they are due."`
	Interval      *string  `json:"interval,omitempty" maxLength:"100" example:"@every 10m" doc:"Deliver at this interval, or at five cron fields; an empty text restores the program's default."`
	TimeZone      *string  `json:"time_zone,omitempty" maxLength:"64" doc:"IANA time zone of the cron fields; an empty text restores the program's default."`
	RatePerSecond *float64 `json:"rate_per_second,omitempty" minimum:"0" maximum:"1000000" doc:"Maximum number of jobs per second and connection; 0 restores the program's limit."`
	Concurrency   *int32   `json:"concurrency,omitempty" minimum:"0" maximum:"1000" doc:"Maximum number of concurrent batches per connection; 0 restores the program's limit."`
	Reason
}

type setActionInput struct {
	ActionPath
	IfMatch
	Body ActionSettings
}

func (a *API) setAction(ctx context.Context, in *setActionInput) (*tagged[deliveryclient.Action], error) {
	before, err := a.showAction(ctx, &in.ActionPath)
	if err != nil {
		return nil, err
	}
	if err := in.matches(before.ETag, nil); err != nil {
		return nil, err
	}
	ref := deliveryacts.ActionRef{Destination: in.Destination, Action: in.Action}
	sender, client := by(ctx, in.Body.Reason.Reason), a.cfg.Deliveries
	timing := deliveryclient.NewTiming{Realtime: in.Body.Realtime, Interval: in.Body.Interval, TimeZone: in.Body.TimeZone}
	if timing != (deliveryclient.NewTiming{}) {
		if err := client.SetSchedule(ctx, ref, timing, sender); err != nil {
			return nil, err
		}
	}
	if rate := in.Body.RatePerSecond; rate != nil {
		if err := client.SetRate(ctx, ref, *rate, sender); err != nil {
			return nil, err
		}
	}
	if batches := in.Body.Concurrency; batches != nil {
		if err := client.SetConcurrency(ctx, ref, *batches, sender); err != nil {
			return nil, err
		}
	}
	return a.showAction(ctx, &in.ActionPath)
}
