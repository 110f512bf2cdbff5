// Package listcompare compares the members of a fake Mailchimp list with the contacts of a fake Ometria,
// field by field. It shares no code with the readers, mappings and writers of list sync: what a contact must
// be is written down here a second time, from docs/sync.md.
package listcompare

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
)

// Input is what is compared.
type Input struct {
	// List is the ID of the list.
	List string
	// Members are all members of the list.
	Members []fakemailchimp.Member
	// Contacts are all records of Ometria, by "type/collection/id". Those of other lists are ignored.
	Contacts map[string]map[string]any
	// Rejected are the IDs of members that the sync has rejected with a reason. Defaults to none.
	Rejected map[string]bool
	// Invalid are the contacts that Ometria's asynchronous validation has refused, by "type/collection/id".
	// Defaults to none.
	Invalid map[string]bool
	// Until is the end of the last window. Members that changed later are in the next one. Defaults to no end.
	Until time.Time
}

// Report is the result of a comparison. Each member is in one of the counts.
type Report struct {
	Members int `json:"members"`
	// Equal are members whose contact has all their fields.
	Equal int `json:"equal"`
	// Held are subscribed members whose contact has all their fields but the opt-in: an earlier opt-out wins in
	// Ometria.
	Held int `json:"held_opted_out"`
	// Rejected are members that the sync has rejected, Invalid those that Ometria's validation has refused.
	Rejected int `json:"rejected"`
	Invalid  int `json:"refused_asynchronously"`
	// Later are members that changed after the end of the window.
	Later int `json:"changed_later"`
	// Gone are contacts without a member that are opted out.
	Gone int `json:"gone"`
	// Different are the members that are in no other count, and contacts without a member that are not opted
	// out: a line for each, without personal data.
	Different []string `json:"different"`
}

// Values of marketing_optin.
const (
	in  = "EXPLICITLY_OPTEDIN"
	out = "EXPLICITLY_OPTEDOUT"
)

// Compare compares a list with its contacts.
func Compare(i Input) Report {
	r := Report{Members: len(i.Members), Different: []string{}}
	collection := "mailchimp:" + i.List
	seen := map[string]bool{}
	for _, m := range i.Members {
		key := "contact/" + collection + "/" + m.UniqueID()
		seen[key] = true
		contact, exists := i.Contacts[key]
		faults := []string{"no contact"}
		if exists {
			faults = differences(m, collection, contact)
		}
		switch {
		case len(faults) == 0:
			r.Equal++
		case i.Rejected[m.ID()]:
			r.Rejected++
		case i.Invalid[key]:
			r.Invalid++
		case len(faults) == 1 && faults[0] == heldBack:
			r.Held++
		case !i.Until.IsZero() && m.LastChanged.After(i.Until):
			r.Later++
		default:
			r.Different = append(r.Different, fmt.Sprintf("member %s, %s since %s: %v", m.ID(), m.Status,
				m.LastChanged.Format(time.RFC3339), faults))
		}
	}
	for key, contact := range i.Contacts {
		switch {
		case contact["@collection"] != collection || seen[key]:
		case contact["marketing_optin"] == out:
			r.Gone++
		default:
			r.Different = append(r.Different, fmt.Sprintf("contact %s has no member: want it opted out", key))
		}
	}
	slices.Sort(r.Different)
	return r
}

// heldBack is the difference of a subscribed member whose contact stays opted out.
const heldBack = "marketing_optin stays opted out"

// kept are the fields that a contact keeps from earlier states of its member.
var kept = []string{"firstname", "lastname", "timestamp_acquired", "timestamp_subscribed", "timestamp_unsubscribed"}

// differences compares a member with its contact.
func differences(m fakemailchimp.Member, collection string, contact map[string]any) []string {
	var faults []string
	fault := func(name string) { faults = append(faults, name) }
	texts := map[string]any{
		"@type": "contact", "@collection": collection, "id": m.UniqueID(), "email": m.Email,
		"marketing_optin": optIn(m.Status),
	}
	for field, merge := range map[string]string{"firstname": "FNAME", "lastname": "LNAME"} {
		if name := m.MergeFields[merge]; name != nil {
			texts[field] = name
		}
	}
	times := timesOf(m)
	for field, want := range texts {
		switch {
		case contact[field] == want:
		case field == "marketing_optin" && want == in && contact[field] == out:
			fault(heldBack)
		default:
			fault(field)
		}
	}
	for field, want := range times {
		text, ok := contact[field].(string)
		at, err := time.Parse(time.RFC3339, text)
		if !ok || err != nil || !at.Equal(want) {
			fault(field)
		}
	}
	properties, ok := contact["properties"].(map[string]any)
	if !ok || len(properties) != 1 || properties["mailchimp_status"] != m.Status {
		fault("properties")
	}
	for field := range contact {
		_, text := texts[field]
		_, at := times[field]
		if !text && !at && field != "properties" && !slices.Contains(kept, field) {
			fault(field + " is not known")
		}
	}
	slices.Sort(faults)
	return faults
}

// optIn is what the status of a member means in Ometria.
func optIn(status string) string {
	switch status {
	case "subscribed":
		return in
	case "unsubscribed", "cleaned", "archived":
		return out
	default:
		return "NOT_SPECIFIED"
	}
}

// timesOf returns the times of a member's contact, in whole seconds as Mailchimp gives them.
func timesOf(m fakemailchimp.Member) map[string]time.Time {
	optedIn := m.OptedIn.Truncate(time.Second)
	times := map[string]time.Time{}
	if !m.OptedIn.IsZero() {
		times["timestamp_acquired"] = optedIn
	}
	switch optIn(m.Status) {
	case in:
		times["timestamp_subscribed"] = m.LastChanged
		if !m.OptedIn.IsZero() {
			times["timestamp_subscribed"] = optedIn
		}
	case out:
		times["timestamp_unsubscribed"] = m.LastChanged
	}
	return times
}
