package contact_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sync/contact"
)

// member is a member of a list with changes over it.
func member(t *testing.T, changes map[string]any) json.RawMessage {
	t.Helper()
	m := map[string]any{
		"id": "0123456789abcdef0123456789abcdef", "unique_email_id": "u1", "email_address": "ann@example.com",
		"status": "subscribed", "merge_fields": map[string]any{"FNAME": "Ann", "LNAME": "Lee"},
		"timestamp_signup": "", "timestamp_opt": "2019-10-21T09:50:54+00:00", "last_changed": "2020-01-02T00:00:00+00:00",
	}
	for name, value := range changes {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	return raw
}

func TestDefaultMapping(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		changes map[string]any
		options contact.Options
		want    string
	}{
		"subscribed": {nil, contact.Options{}, `{"@type":"contact","@collection":"mailchimp:L","id":"u1",
			"email":"ann@example.com","firstname":"Ann","lastname":"Lee","properties":{"mailchimp_status":"subscribed"},
			"timestamp_acquired":"2019-10-21T09:50:54+00:00","marketing_optin":"EXPLICITLY_OPTEDIN",
			"timestamp_subscribed":"2019-10-21T09:50:54+00:00"}`},
		"forced": {nil, contact.Options{ForceOptIn: true}, `{"@type":"contact","@collection":"mailchimp:L","id":"u1",
			"email":"ann@example.com","firstname":"Ann","lastname":"Lee","properties":{"mailchimp_status":"subscribed"},
			"timestamp_acquired":"2019-10-21T09:50:54+00:00","marketing_optin":"EXPLICITLY_OPTEDIN","@force_optin":true,
			"timestamp_subscribed":"2019-10-21T09:50:54+00:00"}`},
		"without names and times": {
			map[string]any{"merge_fields": map[string]any{"FNAME": 7, "LNAME": nil}, "timestamp_opt": ""},
			contact.Options{},
			`{"@type":"contact","@collection":"mailchimp:L","id":"u1","email":"ann@example.com","firstname":"7",
			"properties":{"mailchimp_status":"subscribed"},"marketing_optin":"EXPLICITLY_OPTEDIN",
			"timestamp_subscribed":"2020-01-02T00:00:00+00:00"}`,
		},
		"without merge fields": {
			map[string]any{"merge_fields": nil, "status": "cleaned"},
			contact.Options{ForceOptIn: true},
			`{"@type":"contact","@collection":"mailchimp:L","id":"u1","email":"ann@example.com",
			"properties":{"mailchimp_status":"cleaned"},"timestamp_acquired":"2019-10-21T09:50:54+00:00",
			"marketing_optin":"EXPLICITLY_OPTEDOUT","timestamp_unsubscribed":"2020-01-02T00:00:00+00:00"}`,
		},
		"pending": {
			map[string]any{"status": "pending", "timestamp_opt": ""},
			contact.Options{ForceOptIn: true},
			`{"@type":"contact","@collection":"mailchimp:L","id":"u1","email":"ann@example.com","firstname":"Ann",
			"lastname":"Lee","properties":{"mailchimp_status":"pending"},"marketing_optin":"NOT_SPECIFIED"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.options.ListID = "L"
			m, err := contact.New(nil, c.options)
			require.NoError(t, err)
			got, err := m.Map(member(t, c.changes))
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(got))
		})
	}
}

// A deleted member is opted out without its address.
func TestTombstone(t *testing.T) {
	t.Parallel()
	m, err := contact.New(nil, contact.Options{ListID: "L", ForceOptIn: true})
	require.NoError(t, err)
	got, err := m.Map(json.RawMessage(`{"unique_email_id":"u1","status":"deleted","last_changed":"2020-01-02T00:00:00+00:00"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"@type":"contact","@collection":"mailchimp:L","id":"u1","properties":{"mailchimp_status":"deleted"},
		"marketing_optin":"EXPLICITLY_OPTEDOUT","timestamp_unsubscribed":"2020-01-02T00:00:00+00:00"}`, string(got))
}

// Whatever the mapping, no member is opted in without a subscription, and no opt-out is overruled
// unless the operator configured it. No reason quotes the member.
func TestRules(t *testing.T) {
	t.Parallel()
	with := func(more map[string]any) map[string]any {
		fields := map[string]any{"@type": `"contact"`, "id": "data.unique_email_id"}
		for name, value := range more {
			fields[name] = value
		}
		return fields
	}
	in := map[string]any{"marketing_optin": `"EXPLICITLY_OPTEDIN"`, "timestamp_subscribed": "data.timestamp_opt"}
	for name, c := range map[string]struct {
		fields  map[string]any
		changes map[string]any
		force   bool
		want    string
	}{
		"not subscribed": {with(in), map[string]any{"status": "unsubscribed"}, true, "the member is not subscribed"},
		"no time":        {with(in), map[string]any{"timestamp_opt": ""}, true, `"timestamp_subscribed": want the time`},
		"misspelled": {
			with(map[string]any{"marketing_optin": `"OPTED_IN"`}), nil, true, "want EXPLICITLY_OPTEDIN, EXPLICITLY_OPTEDOUT",
		},
		"force": {
			with(map[string]any{"@force_optin": true}), nil, false, `"@force_optin": want it only with force_optin=true`,
		},
		"force an opt-out": {
			with(map[string]any{"@force_optin": true, "marketing_optin": `"EXPLICITLY_OPTEDOUT"`}), nil, true, "for opted-in members",
		},
		"no id":     {with(map[string]any{"id": "data.contact_id"}), nil, false, `field "id": want a text`},
		"no type":   {with(map[string]any{"@type": nil}), nil, false, `field "@type": want a text`},
		"no member": {with(map[string]any{"x": "int(data.email_address)"}), nil, false, "field x: the expression fails for this record"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := contact.New(c.fields, contact.Options{ListID: "L", ForceOptIn: c.force})
			require.NoError(t, err)
			_, err = m.Map(member(t, c.changes))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "ann@")
		})
	}
}
