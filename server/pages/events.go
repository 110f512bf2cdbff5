package pages

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/server/api"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

// events adds the pages of events.
func (p *Pages) events() {
	p.nav("Delivery", "/events", "Events", access.PermissionRead, true)
	p.page("GET /events", "events", p.eventsPage)
	p.page("GET /events/new", "event_new", p.newEventPage)
	p.action("POST /events/new", "event_new", p.newEventPage, sendEvent)
	p.page("GET /events/{event}", "event", p.eventPage)
}

// eventQuery returns the filters of the page of events as parameters of the API.
func eventQuery(v *visit) (url.Values, error) {
	return v.filters([]string{"source", "name", "notifications", "after"}, "received_after", "received_before")
}

func (p *Pages) eventsPage(v *visit) (any, error) {
	query, err := eventQuery(v)
	if err != nil {
		return nil, err
	}
	return get[List[deliveryclient.Event]](v, "/events", query)
}

// eventShown is the page of an event.
type eventShown struct {
	deliveryclient.EventDetails
	// Earlier means that the event was sent again, with the key of this one. Kept is the number of flows that failed for
	// it when it was sent.
	Earlier bool
	Kept    int
}

func (p *Pages) eventPage(v *visit) (any, error) {
	event, err := get[deliveryclient.EventDetails](v, v.at("/events/{event}"), nil)
	if err != nil {
		return nil, err
	}
	shown := eventShown{EventDetails: event, Earlier: v.r.URL.Query().Get("earlier") == "true"}
	if kept := v.r.URL.Query().Get("kept"); kept != "" {
		if shown.Kept, err = strconv.Atoi(kept); err != nil {
			return nil, invalid("kept", "want a number of flows")
		}
	}
	return shown, nil
}

// eventForm is the page that sends an event.
type eventForm struct {
	// Actions may deliver it, as destination/action.
	Actions []string
	// Chosen are those that were chosen in the form that was refused.
	Chosen []string
	Key    string
}

// Has tells whether an action is chosen.
func (f eventForm) Has(action string) bool { return slices.Contains(f.Chosen, action) }

func (p *Pages) newEventPage(v *visit) (any, error) {
	all, err := get[List[deliveryclient.Destination]](v, "/destinations", url.Values{"limit": {"200"}})
	if err != nil {
		return nil, err
	}
	form := eventForm{Chosen: v.r.PostForm["to"], Key: newKey()}
	for _, d := range all.Items {
		for _, a := range d.Actions {
			form.Actions = append(form.Actions, d.Name+"/"+a.Name)
		}
	}
	return form, nil
}

func sendEvent(v *visit) (string, error) {
	form := v.r.PostForm
	event := api.SentEvent{
		Source: strings.TrimSpace(form.Get("source")), Name: strings.TrimSpace(form.Get("name")),
		Version: strings.TrimSpace(form.Get("version")), IdempotencyKey: strings.TrimSpace(form.Get("idempotency_key")),
	}
	var err error
	if event.Data, err = v.typedObject("data"); err != nil {
		return "", err
	}
	if event.Context, err = v.typedObject("context"); err != nil {
		return "", err
	}
	if event.SentAt, err = timeIn(form.Get("sent_at")); err != nil {
		return "", invalid("sent_at", err.Error())
	}
	for _, to := range form["to"] {
		destination, action, ok := strings.Cut(to, "/")
		if !ok {
			return "", invalid("to", "want destinations with their actions, such as webhook/post")
		}
		event.To = append(event.To, api.ActionName{Destination: destination, Action: action})
	}
	var added api.AddedEvent
	if err := v.sendOnce("/events", event, &added); err != nil {
		return "", err
	}
	told := url.Values{}
	if !added.Created {
		told.Set("earlier", "true")
	}
	if len(added.Kept) > 0 {
		told.Set("kept", strconv.Itoa(len(added.Kept)))
	}
	path := url.URL{Path: "/events/" + added.EventID, RawQuery: told.Encode()}
	return path.String(), nil
}
