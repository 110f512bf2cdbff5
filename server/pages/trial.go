package pages

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/server/api"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// trials adds the page that tries an event.
func (p *Pages) trials() {
	p.page("GET /ingestion/try", "event_try", p.trialPage)
	p.result("POST /ingestion/try", "event_try", p.tryEvent)
}

// trialForm is the page that tries an event.
type trialForm struct {
	// Sites are suggestions.
	Sites []string
	// Agent is the user agent of the reader, Site the site that the page was opened for.
	Agent, Site string
	// Address is that of the visitor, "" if it is not known.
	Address string
	// Events are the results, one for each domain, and Missing reference data that the server misses.
	Events  []trialEvent
	Missing []string
	// Faults are why the server would answer 400. Problem is why nothing was tried, or nil.
	Faults  []api.Fault
	Problem *api.Problem
}

// Tried tells whether there is a result.
func (f trialForm) Tried() bool { return len(f.Events)+len(f.Faults) > 0 }

// trialEvent is what would become of the event of a domain.
type trialEvent struct {
	ingestclient.TriedEvent
	Steps []trialStep
	// Stored are the columns of a stored event that have a value.
	Stored []argument
}

// Dropped tells whether it would be dropped.
func (e trialEvent) Dropped() bool { return e.Verdict == ingestclient.VerdictDropped }

// Remedy is the path of the page with the cause of a drop, and what to do there; both are empty if there is none.
func (e trialEvent) Remedy() remedy {
	site := sitePath(e.Site)
	switch e.Reason {
	case ingest.DropNotFound:
		return remedy{"/sites", "Look at the sites"}
	case ingest.DropBlock, ingest.DropPaymentRequired, ingest.DropThrottle:
		return remedy{site + "/settings", "Change the settings of the site"}
	case ingest.DropSiteIPBlocklist, ingest.DropSiteCountryBlocklist, ingest.DropSitePageBlocklist,
		ingest.DropSiteHostnameAllowlist:
		return remedy{site + "/shields", "Look at the shields of the site"}
	case ingest.DropBot, ingest.DropDataCentreIP:
		return remedy{site + "/settings", "Allow the network at the site"}
	}
	return remedy{}
}

// remedy is a link to what helps.
type remedy struct{ Link, Do string }

// trialStep is a step with its columns.
type trialStep struct {
	ingestclient.TriedStep
	Title string
	Set   []argument
	// Decides means that it decides about the event: it drops it, or it is the last one.
	Decides bool
}

// stepNames are the steps of the pipeline for people.
var stepNames = map[string]string{
	"drop_spam_referrer": "Referrer spam", "gate_keeper": "Site and its limits",
	"drop_verification_agent": "Verification program", "drop_datacenter_ip": "Data centres",
	"drop_threat_ip": "Threats", "drop_shield_rule_hostname": "Shield of host names",
	"drop_shield_rule_page": "Shield of pages", "drop_shield_rule_ip": "Shield of addresses",
	"put_geolocation": "Location", "drop_shield_rule_country": "Shield of countries",
	"put_user_agent": "Browser and system; bots", "put_basic_info": "Time, name and page",
	"put_source_info": "Source and campaign", "maybe_infer_medium": "Medium", "put_channel": "Channel",
	"put_props": "Custom properties", "put_revenue": "Revenue", "put_salts": "Salts", "put_user_id": "Visitor",
	"validate_clickhouse_event": "Required columns",
}

func (p *Pages) trialPage(v *visit) (any, error) { return loadTrial(v) }

// loadTrial returns the page without a result.
func loadTrial(v *visit) (trialForm, error) {
	form := trialForm{Agent: v.r.UserAgent(), Site: v.r.URL.Query().Get("site")}
	sites, err := get[List[ingestclient.ListedSite]](v, "/sites", url.Values{"limit": {"200"}})
	for _, s := range sites.Items {
		form.Sites = append(form.Sites, s.Domain)
	}
	if form.Site == "" && len(form.Sites) > 0 {
		form.Site = form.Sites[0]
	}
	return form, err
}

// tryEvent shows what would become of the event of the form.
func (p *Pages) tryEvent(v *visit) (any, error) {
	form, err := loadTrial(v)
	if err != nil {
		return nil, err
	}
	event, err := typedTrial(v.r.PostForm)
	var tried ingestclient.TriedRequest
	if err == nil {
		err = v.send(http.MethodPost, "/ingestion/try", event, &tried)
	}
	if err = asProblem(err, &form.Problem); err != nil || form.Problem != nil {
		return form, err
	}
	form.Address, form.Missing = tried.Address, tried.Missing
	for _, field := range tried.Errors.Fields() {
		form.Faults = append(form.Faults, api.Fault{
			Pointer: words(field), Detail: strings.Join(tried.Errors[field], ", "),
		})
	}
	for _, e := range tried.Events {
		shown, err := trialEventOf(e)
		if err != nil {
			return nil, err
		}
		form.Events = append(form.Events, shown)
	}
	return form, nil
}

// typedTrial returns the event of a form.
func typedTrial(form url.Values) (api.EventTrial, error) {
	trimmed := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	event := api.EventTrial{
		Site: trimmed("site"), URL: trimmed("url"), Name: trimmed("name"), Referrer: trimmed("referrer"),
		UserAgent: trimmed("user_agent"), IP: trimmed("ip"), Timestamp: trimmed("timestamp"),
	}
	for _, line := range typedLines(form.Get("props")) {
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return event, invalid("props", "want NAME=VALUE in each line, such as plan=team")
		}
		if event.Props == nil {
			event.Props = map[string]string{}
		}
		event.Props[name] = strings.TrimSpace(value)
	}
	if amount, currency := trimmed("amount"), trimmed("currency"); amount != "" || currency != "" {
		event.Revenue = &api.EventRevenue{Amount: amount, Currency: strings.ToUpper(currency)}
	}
	return event, nil
}

// trialEventOf returns a result as it is shown.
func trialEventOf(e ingestclient.TriedEvent) (trialEvent, error) {
	shown := trialEvent{TriedEvent: e}
	for i, s := range e.Steps {
		step := trialStep{TriedStep: s, Title: stepNames[s.Step]}
		step.Title = cmp.Or(step.Title, words(s.Step))
		step.Decides = s.Result == ingestclient.StepDropped || i == len(e.Steps)-1
		var err error
		if step.Set, err = members(s.Set); err != nil {
			return shown, err
		}
		shown.Steps = append(shown.Steps, step)
	}
	stored := map[string]json.RawMessage{}
	for name, value := range e.Event {
		if string(value) != "null" {
			stored[name] = value
		}
	}
	var err error
	shown.Stored, err = members(stored)
	return shown, err
}
