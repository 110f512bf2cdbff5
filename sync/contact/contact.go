// Package contact has the default mapping of members of Mailchimp lists to contacts of Ometria, and the
// opt-in rules of contacts.
package contact

import (
	"encoding/json"
	"errors"

	"github.com/sluicehq/sluice/sync"
)

// SourceKind is the kind of connections whose members the default mapping maps.
const SourceKind = "mailchimp"

// Options are the choices of the default mapping.
type Options struct {
	// ListID is the ID of the list. It is part of the collection, so that lists do not overwrite each
	// other's fields.
	ListID string
	// ForceOptIn lets a subscription of the source win over an opt-out of the target, whatever its time.
	// Defaults to false: an opt-out always wins.
	ForceOptIn bool
}

// Fields returns the default mapping. It has the fields of the original importer (id, email, firstname,
// lastname, and the status as a property), and the opt-in state:
//
//   - only a subscribed member is opted in, always with the time of the subscription: Ometria would
//     take a subscription without one for a new one, and send the mails of a welcome campaign
//   - unsubscribed, cleaned, archived and deleted members are opted out
//   - pending and transactional members are neither
//   - @force_optin is sent only if force_optin is set, and only with an opt-in
//
// A field that is missing in the source is omitted.
func Fields() map[string]any {
	return map[string]any{
		"@type":       `"contact"`,
		"@collection": `"mailchimp:" + context.list_id`,
		"id":          `data.unique_email_id`,
		"email":       `data.email_address`,
		"firstname":   `data.merge_fields?.FNAME == nil ? nil : string(data.merge_fields.FNAME)`,
		"lastname":    `data.merge_fields?.LNAME == nil ? nil : string(data.merge_fields.LNAME)`,
		"properties":  map[string]any{"mailchimp_status": `data.status`},
		"timestamp_acquired": `(data.timestamp_signup ?? "") != "" ? data.timestamp_signup : ` +
			`(data.timestamp_opt ?? "") != "" ? data.timestamp_opt : nil`,
		"marketing_optin": `data.status == "subscribed" ? "` + optedIn + `" : ` +
			`data.status in ["unsubscribed", "cleaned", "archived", "deleted"] ? "` + optedOut + `" : "` + unspecified + `"`,
		"timestamp_subscribed": `data.status != "subscribed" ? nil : ` +
			`(data.timestamp_opt ?? "") != "" ? data.timestamp_opt : ` +
			`(data.timestamp_signup ?? "") != "" ? data.timestamp_signup : data.last_changed`,
		"timestamp_unsubscribed": `data.status in ["unsubscribed", "cleaned", "archived", "deleted"] ? ` +
			`data.last_changed : nil`,
		"@force_optin": `context.force_optin and data.status == "subscribed" ? true : nil`,
	}
}

// Values of marketing_optin.
const (
	optedIn     = "EXPLICITLY_OPTEDIN"
	optedOut    = "EXPLICITLY_OPTEDOUT"
	unspecified = "NOT_SPECIFIED"
)

// New compiles a mapping with the opt-in rules. fields replace the default mapping; nil is the default.
func New(fields map[string]any, o Options) (*sync.Mapping, error) {
	if fields == nil {
		fields = Fields()
	}
	m, err := sync.NewMapping(fields, rules(o))
	if err != nil {
		return nil, err
	}
	return m.With(map[string]any{"list_id": o.ListID, "force_optin": o.ForceOptIn}), nil
}

// rules refuse records that would opt in a contact without its consent, whatever the mapping.
func rules(o Options) sync.Rules {
	return func(data, mapped json.RawMessage) error {
		var member struct {
			Status string `json:"status"`
		}
		var contact struct {
			OptIn      any `json:"marketing_optin"`
			Subscribed any `json:"timestamp_subscribed"`
			Force      any `json:"@force_optin"`
			Type       any `json:"@type"`
			ID         any `json:"id"`
		}
		if err := json.Unmarshal(data, &member); err != nil {
			return errors.New("the member is not valid: want an object with a status")
		}
		if err := json.Unmarshal(mapped, &contact); err != nil {
			return errors.New("the mapping does not give an object")
		}
		return errors.Join(consent(o, member.Status, contact.OptIn, contact.Subscribed, contact.Force),
			identified(contact.Type, contact.ID))
	}
}

func consent(o Options, status string, optIn, subscribed, force any) error {
	switch optIn {
	case nil, optedOut, unspecified:
	case optedIn:
		if status != "subscribed" {
			return errors.New(`field "marketing_optin": the member is not subscribed: want ` + optedOut + " or " + unspecified)
		}
		if text, ok := subscribed.(string); !ok || text == "" {
			return errors.New(`field "timestamp_subscribed": want the time of the subscription with ` + optedIn)
		}
	default:
		return errors.New(`field "marketing_optin": want ` + optedIn + ", " + optedOut + " or " + unspecified)
	}
	if force != nil && force != false && (!o.ForceOptIn || optIn != optedIn) {
		return errors.New(`field "@force_optin": want it only with force_optin=true, for opted-in members`)
	}
	return nil
}

func identified(kind, id any) error {
	if text, ok := kind.(string); !ok || text == "" {
		return errors.New(`field "@type": want a text such as contact`)
	}
	if text, ok := id.(string); !ok || text == "" {
		return errors.New(`field "id": want a text: the member has no unique_email_id`)
	}
	return nil
}
