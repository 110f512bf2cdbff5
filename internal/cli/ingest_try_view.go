package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/terminal"
)

// tryJSON is what would become of a request, for programs.
type tryJSON struct {
	// Status is that of the answer: 202 or 400.
	Status int `json:"status"`
	// Errors are the faults of a request that is refused with 400, by field.
	Errors request.Errors `json:"errors,omitempty"`
	// Address is that of the visitor, "" if it is not known.
	Address string `json:"address"`
	// Events has one event for each domain.
	Events []triedJSON `json:"events"`
	// Missing are the reference data that a server would miss too.
	Missing []string `json:"missing_data"`
}

// Verdicts about an event.
const (
	verdictStored  = "stored"
	verdictDropped = "dropped"
)

type triedJSON struct {
	Domain  string              `json:"domain"`
	Site    string              `json:"site,omitempty"`
	Verdict string              `json:"verdict"`
	Reason  ingest.DropReason   `json:"reason,omitempty"`
	Tags    []ingest.DropReason `json:"tags,omitempty"`
	Faults  map[string]string   `json:"faults,omitempty"`
	Steps   []triedStepJSON     `json:"steps"`
	// Event are the columns of a stored event, by name.
	Event map[string]ingest.Column `json:"event,omitempty"`

	columns []ingest.Column
}

// Results of a step.
const (
	stepPassed  = "passed"
	stepChanged = "changed"
	stepTagged  = "tagged"
	stepDropped = "dropped"
)

type triedStepJSON struct {
	Step   string                   `json:"step"`
	Result string                   `json:"result"`
	Reason ingest.DropReason        `json:"reason,omitempty"`
	Set    map[string]ingest.Column `json:"set,omitempty"`
	// Note says what else matters.
	Note string `json:"note,omitempty"`

	set []ingest.Column
}

func trialView(t ingest.Trial, r request.Request, settings config.Ingest) triedJSON {
	e := t.Event
	view := triedJSON{Domain: t.Domain, Verdict: verdictStored, Tags: e.Tags}
	if e.Site != nil {
		view.Site = e.Site.Domain
	}
	if e.Dropped {
		view.Verdict, view.Reason = verdictDropped, e.DropReason
		for _, fault := range e.Errors {
			if view.Faults == nil {
				view.Faults = map[string]string{}
			}
			view.Faults[fault.Field] = fault.Text
		}
	} else {
		view.columns = e.Columns()
		view.Event = byName(view.columns)
	}
	for _, s := range t.Steps {
		step := triedStepJSON{
			Step: s.Name, Result: stepPassed, Reason: cmp.Or(s.Dropped, s.Tagged), Set: byName(s.Set), set: s.Set,
			Note: stepNote(s, e, r, settings),
		}
		switch {
		case s.Dropped != "":
			step.Result = stepDropped
		case s.Tagged != "":
			step.Result = stepTagged
		case len(s.Set) > 0:
			step.Result = stepChanged
		}
		view.Steps = append(view.Steps, step)
	}
	return view
}

func byName(columns []ingest.Column) map[string]ingest.Column {
	if len(columns) == 0 {
		return nil
	}
	all := make(map[string]ingest.Column, len(columns))
	for _, c := range columns {
		all[c.Name] = c
	}
	return all
}

// stepNote says what the columns do not show: what is off, not counted or unknown, and what to do about a drop.
func stepNote(s ingest.TrialStep, e ingest.Event, r request.Request, settings config.Ingest) string {
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
		if settings.VerificationAgent == "" {
			return "off: ingest.verification_agent is not set"
		}
	case "drop_datacenter_ip":
		if settings.DataCentres == string(ingest.ModeOff) {
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

// writeTrials writes for each domain its steps, the verdict and the event.
func writeTrials(c *cli.Context, view tryJSON) error {
	if err := say(c, "Visitor's address: %s", cmp.Or(view.Address, "not known")); err != nil {
		return err
	}
	for _, event := range view.Events {
		if err := writeTrial(c, event); err != nil {
			return err
		}
	}
	for _, missing := range view.Missing {
		if _, err := fmt.Fprintf(c.App.ErrWriter, "reference data: %s\n", missing); err != nil {
			return err
		}
	}
	return nil
}

func writeTrial(c *cli.Context, event triedJSON) error {
	if err := say(c, "\nEvent of %s\n", terminal.Line(event.Domain)); err != nil {
		return err
	}
	table := terminal.NewTable("STEP", "RESULT", "DETAIL")
	for _, s := range event.Steps {
		result := terminal.Coloured{Text: s.Result}
		switch s.Result {
		case stepDropped:
			result.Colour = terminal.Red
		case stepTagged:
			result.Colour = terminal.Yellow
		case stepChanged:
			result.Colour = terminal.Cyan
		}
		table.Row(s.Step, result, s.detail())
	}
	if err := table.Write(c.App.Writer); err != nil {
		return err
	}
	verdict := terminal.Paint(c.App.Writer, terminal.Green, verdictStored)
	if event.Verdict == verdictDropped {
		verdict = terminal.Paint(c.App.Writer, terminal.Red, verdictDropped) + " as " + string(event.Reason)
	}
	for _, field := range slices.Sorted(maps.Keys(event.Faults)) {
		verdict += "; " + field + " " + event.Faults[field]
	}
	if err := say(c, "\nVerdict: %s", verdict); err != nil || len(event.columns) == 0 {
		return err
	}
	if err := say(c, ""); err != nil {
		return err
	}
	var lines [][2]string
	for _, column := range event.columns {
		lines = append(lines, [2]string{column.Name, terminal.Line(column.Text())})
	}
	return writeLines(c, lines)
}

// detail is the last column of a step.
func (s triedStepJSON) detail() string {
	var parts []string
	if s.Reason != "" {
		parts = append(parts, string(s.Reason))
	}
	for _, column := range s.set {
		parts = append(parts, column.Name+"="+cmp.Or(column.Text(), "none"))
	}
	text := strings.Join(parts, ", ")
	if s.Note != "" && text != "" {
		return text + ": " + s.Note
	}
	return text + s.Note
}
