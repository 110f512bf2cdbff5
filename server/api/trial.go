package api

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/ingesting"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// trials adds the operation that tries an event.
func (a *API) trials() {
	register(a, operation{
		id: "try-event", method: http.MethodPost, path: "/ingestion/try", tag: "ingestion",
		summary: "Show what would become of an event, step by step, without storing it", need: access.PermissionRead,
		reach: reachSome, reads: true,
		description: "The event passes the steps of the server, with the settings of the site and the reference data of " +
			"this server. No event is stored, no rate limit counts and no counter changes. The session is not tried: an " +
			"engagement event without one is dropped later, by the writer. A site that the caller does not see is none.",
	}, a.tryEvent)
}

// EventTrial is the body of try-event.
type EventTrial struct {
	Site      string            `json:"site" minLength:"1" maxLength:"2000" example:"example.com" doc:"Domain of the site, or several separated by commas."`
	URL       string            `json:"url" minLength:"1" maxLength:"2000" example:"https://example.com/pricing" doc:"Address of the page."`
	Name      string            `json:"name,omitempty" maxLength:"500" default:"pageview" doc:"Name of the event."`
	Referrer  string            `json:"referrer,omitempty" maxLength:"2000" doc:"Address of the page before."`
	UserAgent string            `json:"user_agent,omitempty" maxLength:"2000" doc:"User agent of the visitor."`
	IP        string            `json:"ip,omitempty" maxLength:"45" example:"203.0.113.9" doc:"Address of the visitor. It is not kept."`
	Props     map[string]string `json:"props,omitempty" maxProperties:"30" doc:"Custom properties."`
	Revenue   *EventRevenue     `json:"revenue,omitempty" doc:"Revenue of the event."`
	Timestamp string            `json:"timestamp,omitempty" maxLength:"40" example:"2026-01-31T12:00:00Z" doc:"When it happened, as an authorised sender sets it; now by default."`
}

// EventRevenue is an amount of money.
type EventRevenue struct {
	Amount   string `json:"amount" minLength:"1" maxLength:"40" example:"10.50"`
	Currency string `json:"currency" minLength:"3" maxLength:"3" example:"EUR" doc:"ISO 4217 code."`
}

// input returns the request that a tracker would send.
func (e EventTrial) input(now time.Time) (request.Input, error) {
	event := ingestclient.TrialEvent{
		Name: e.Name, URL: e.URL, Domains: e.Site, Referrer: e.Referrer, Timestamp: e.Timestamp,
	}
	for _, key := range slices.Sorted(maps.Keys(e.Props)) {
		event.Props = append(event.Props, request.Prop{Key: key, Value: e.Props[key]})
	}
	if e.Revenue != nil {
		event.Revenue = &ingestclient.TrialRevenue{Amount: e.Revenue.Amount, Currency: e.Revenue.Currency}
	}
	in := request.Input{Body: event.Body(), UserAgent: e.UserAgent, Now: now, Authorised: e.Timestamp != ""}
	if e.IP != "" {
		ip, err := netip.ParseAddr(e.IP)
		if err != nil || ip.Zone() != "" {
			return in, invalidField("#/ip", "want an IP address, such as 203.0.113.9 or 2001:db8::1")
		}
		in.RemoteIP = ip
	}
	return in, nil
}

func (a *API) tryEvent(ctx context.Context, in *input[EventTrial]) (*output[ingestclient.TriedRequest], error) {
	scope, err := access.RequireScope(ctx, access.PermissionRead)
	if err != nil {
		return nil, err
	}
	input, err := in.Body.input(time.Now())
	if err != nil {
		return nil, err
	}
	data := a.cfg.Refdata()
	if data == nil {
		return nil, newProblem(problemUnavailable, "The server has no reference data yet: try again.")
	}
	trials := ingestclient.Trials{
		Pipeline: a.cfg.Pipeline, Sites: ingesting.StoredSites{Store: a.siteClient().Store}, Data: data, Scope: scope,
	}
	return answer(trials.TryInput(ctx, input))
}
