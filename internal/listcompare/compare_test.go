package listcompare_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/listcompare"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// ann is a member, and contact the contact that she must have.
var ann = fakemailchimp.Member{
	Email: "ann@example.com", Status: "subscribed", LastChanged: noon, OptedIn: noon.Add(-time.Hour),
	MergeFields: map[string]any{"FNAME": "Ann"},
}

func contact(change func(map[string]any)) map[string]map[string]any {
	c := map[string]any{
		"@type": "contact", "@collection": "mailchimp:a1", "id": ann.UniqueID(), "email": "ann@example.com", "firstname": "Ann",
		"marketing_optin": "EXPLICITLY_OPTEDIN", "timestamp_subscribed": "2026-01-02T11:00:00Z",
		"timestamp_acquired": "2026-01-02T11:00:00+00:00", "properties": map[string]any{"mailchimp_status": "subscribed"},
	}
	change(c)
	return map[string]map[string]any{"contact/mailchimp:a1/" + ann.UniqueID(): c}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	none := func(map[string]any) {}
	lost := func(in *listcompare.Input) { in.Contacts = nil }
	for name, tc := range map[string]struct {
		contact func(map[string]any)
		input   func(*listcompare.Input)
		want    listcompare.Report
		says    string
	}{
		"equal":                 {contact: none, want: listcompare.Report{Equal: 1}},
		"a former last name":    {contact: set("lastname", "Lee"), want: listcompare.Report{Equal: 1}},
		"held":                  {contact: set("marketing_optin", "EXPLICITLY_OPTEDOUT"), want: listcompare.Report{Held: 1}},
		"another name":          {contact: set("firstname", "Bob"), says: ": [firstname]"},
		"another address":       {contact: set("email", "bob@example.com"), says: ": [email]"},
		"another time":          {contact: set("timestamp_subscribed", "2026-01-02T11:00:01Z"), says: ": [timestamp_subscribed]"},
		"no time":               {contact: set("timestamp_subscribed", nil), says: ": [timestamp_subscribed]"},
		"another status":        {contact: set("properties", map[string]any{"mailchimp_status": "pending"}), says: ": [properties]"},
		"a field of no mapping": {contact: set("city", "Leeds"), says: ": [city is not known]"},
		"missing":               {contact: none, input: lost, says: ": [no contact]"},
		"missing and rejected": {contact: none, want: listcompare.Report{Rejected: 1}, input: func(in *listcompare.Input) {
			lost(in)
			in.Rejected = map[string]bool{ann.ID(): true}
		}},
		"missing and refused": {contact: none, want: listcompare.Report{Invalid: 1}, input: func(in *listcompare.Input) {
			lost(in)
			in.Invalid = map[string]bool{"contact/mailchimp:a1/" + ann.UniqueID(): true}
		}},
		"later": {contact: none, want: listcompare.Report{Later: 1}, input: func(in *listcompare.Input) {
			lost(in)
			in.Until = noon.Add(-time.Second)
		}},
		"at the end of the window": {contact: none, says: ": [no contact]", input: func(in *listcompare.Input) {
			lost(in)
			in.Until = noon
		}},
		"deleted": {
			contact: set("marketing_optin", "EXPLICITLY_OPTEDOUT"), want: listcompare.Report{Gone: 1},
			input: func(in *listcompare.Input) { in.Members = nil },
		},
		"deleted, not opted out": {
			contact: none, input: func(in *listcompare.Input) { in.Members = nil }, says: "has no member: want it opted out",
		},
		"another list": {
			contact: none, input: func(in *listcompare.Input) { in.List, in.Members = "b2", nil }, want: listcompare.Report{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := listcompare.Input{List: "a1", Members: []fakemailchimp.Member{ann}, Contacts: contact(tc.contact)}
			if tc.input != nil {
				tc.input(&in)
			}
			got := listcompare.Compare(in)
			if tc.says != "" {
				require.Len(t, got.Different, 1)
				require.Contains(t, got.Different[0], tc.says)
				require.NotContains(t, got.Different[0], "example.com")
				return
			}
			tc.want.Members, tc.want.Different = len(in.Members), []string{}
			require.Equal(t, tc.want, got)
		})
	}
}

// What a status means.
func TestCompareStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		"unsubscribed": "EXPLICITLY_OPTEDOUT", "cleaned": "EXPLICITLY_OPTEDOUT", "archived": "EXPLICITLY_OPTEDOUT",
		"pending": "NOT_SPECIFIED", "transactional": "NOT_SPECIFIED",
	} {
		m := ann
		m.Status = status
		contacts := contact(func(c map[string]any) {
			c["marketing_optin"], c["properties"] = want, map[string]any{"mailchimp_status": status}
			if want == "EXPLICITLY_OPTEDOUT" {
				c["timestamp_unsubscribed"] = "2026-01-02T12:00:00+00:00"
			}
		})
		r := listcompare.Compare(listcompare.Input{List: "a1", Members: []fakemailchimp.Member{m}, Contacts: contacts})
		require.Equal(t, 1, r.Equal, "%s: %v", status, r.Different)
	}
}
