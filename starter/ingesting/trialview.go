package ingesting

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/request"
)

// tried returns a trial of a request as it is shown.
func (t Trials) tried(trial ingest.Trial, r request.Request) (tried TriedEvent, err error) {
	e := trial.Event
	tried = TriedEvent{Domain: trial.Domain, Verdict: VerdictStored, Tags: e.Tags}
	if e.Site != nil {
		tried.Site = e.Site.Domain
	}
	if e.Dropped {
		tried.Verdict, tried.Reason = VerdictDropped, e.DropReason
		for _, fault := range e.Errors {
			if tried.Faults == nil {
				tried.Faults = map[string]string{}
			}
			tried.Faults[fault.Field] = fault.Text
		}
	} else {
		tried.Columns = e.Columns()
		if tried.Event, err = byName(tried.Columns); err != nil {
			return tried, err
		}
	}
	for _, s := range trial.Steps {
		step := TriedStep{
			Step: s.Name, Result: StepPassed, Reason: cmp.Or(s.Dropped, s.Tagged), Changed: s.Set, Note: t.note(s, e, r),
		}
		if step.Set, err = byName(s.Set); err != nil {
			return tried, err
		}
		switch {
		case s.Dropped != "":
			step.Result = StepDropped
		case s.Tagged != "":
			step.Result = StepTagged
		case len(s.Set) > 0:
			step.Result = StepChanged
		}
		tried.Steps = append(tried.Steps, step)
	}
	return tried, nil
}

// byName returns the values of columns in JSON, nil for no columns.
func byName(columns []ingest.Column) (map[string]json.RawMessage, error) {
	if len(columns) == 0 {
		return nil, nil //nolint:nilnil // documented above
	}
	all := make(map[string]json.RawMessage, len(columns))
	for _, c := range columns {
		value, err := json.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("encode the column %s: %w", c.Name, err)
		}
		all[c.Name] = value
	}
	return all, nil
}

// note says what the columns do not show: what is off, not counted or unknown, and what to do about a drop.
func (t Trials) note(s ingest.TrialStep, e ingest.Event, r request.Request) string {
	if s.Dropped != "" {
		return dropNote(s.Dropped, e)
	}
	switch s.Name {
	case "gate_keeper":
		note := fmt.Sprintf("site %s (%d)", e.Site.Domain, e.Site.ID)
		if limit := e.Site.RateLimit; limit != nil {
			note += ", rate limit " + limit.String() + " not counted"
		}
		return note
	case "drop_verification_agent":
		if t.Pipeline.VerificationAgent == "" {
			return "off: ingest.verification_agent is not set"
		}
	case "drop_datacenter_ip":
		if cmp.Or(t.Pipeline.DataCentres, ingest.ModeOff) == ingest.ModeOff {
			return "off: ingest.data_centres"
		}
	case "put_geolocation":
		if len(s.Set) == 0 {
			return "no location is known of the address"
		}
	case "put_revenue":
		if len(s.Set) == 0 && r.Revenue != nil {
			return fmt.Sprintf("the site has no goal %q with a currency", r.EventName)
		}
	case "put_salts", "put_user_id":
		return "not shown"
	}
	return ""
}

// dropNote says where a drop comes from.
func dropNote(reason ingest.DropReason, e ingest.Event) string {
	site := ""
	if e.Site != nil {
		site = e.Site.Domain
	}
	switch reason {
	case ingest.DropNotFound:
		return "no site has the domain: see `sluice site list`"
	case ingest.DropBlock:
		return "the site is blocked: see `sluice site set " + site + " --unblock`"
	case ingest.DropPaymentRequired:
		return "the last day has passed: see `sluice site set " + site + " --accept-until`"
	case ingest.DropSiteIPBlocklist, ingest.DropSiteCountryBlocklist, ingest.DropSitePageBlocklist,
		ingest.DropSiteHostnameAllowlist:
		return "a rule of the site: see `sluice site shield list " + site + "`"
	case ingest.DropBot:
		return "the user agent is a bot's: see ingest.bots and ingest.allow_user_agents"
	case ingest.DropDataCentreIP:
		return "the address is a data centre's: see ingest.data_centres and ingest.allow_ips"
	case ingest.DropThreatIP:
		return "a trusted proxy calls the address a threat"
	case ingest.DropSpamReferrer:
		return "the referrer is in the list of referrer spam"
	case ingest.DropVerificationAgent:
		return "the user agent is that of ingest.verification_agent"
	case ingest.DropInvalid, ingest.DropThrottle, ingest.DropNoSessionForEngagement:
	}
	return ""
}
