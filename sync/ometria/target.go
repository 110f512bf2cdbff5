package ometria

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/sync"
)

// Target writes records of list sync. While the account's queue has little room, it delays the requests of
// all lists of the account.
type Target struct {
	*Writer
	budgets sync.Budgets
	account string
	settle  time.Duration
}

var (
	_ sync.Writer  = Target{}
	_ sync.Holder  = Target{}
	_ sync.Auditor = Target{}
)

// Account returns the key of the account's budget.
func (t Target) Account() string { return t.account }

// Settle returns how long the asynchronous validation takes.
func (t Target) Settle() time.Duration { return t.settle }

// LateErrors returns the latest errors of the API's asynchronous validation, of all programs that use the account.
func (t Target) LateErrors(ctx context.Context) (latest []sync.LateError, limit int, err error) {
	all, err := t.AsyncErrors(ctx)
	if err != nil {
		return nil, 0, classified(err)
	}
	for _, e := range all {
		latest = append(latest, sync.LateError{
			Message: inbound.Cut(e.Message, maxLateText), Path: inbound.Cut(e.Path, maxLateText),
		})
	}
	return latest, MaxAsyncErrors, nil
}

// maxLateText bounds the message and the path of a late error in bytes.
const maxLateText = 300

// Consent returns what a contact says about marketing. Ometria keeps an opt-out unless an opt-in has
// @force_optin.
func (Target) Consent(record json.RawMessage) sync.Consent {
	var contact struct {
		OptIn any `json:"marketing_optin"`
		Force any `json:"@force_optin"`
	}
	if json.Unmarshal(record, &contact) != nil {
		return sync.ConsentNone
	}
	switch contact.OptIn {
	case "EXPLICITLY_OPTEDOUT":
		return sync.ConsentOut
	case "EXPLICITLY_OPTEDIN":
		if contact.Force == true {
			return sync.ConsentForced
		}
		return sync.ConsentIn
	default:
		return sync.ConsentNone
	}
}

// OptOut returns a contact that opts out since a time.
func (Target) OptOut(record json.RawMessage, at time.Time) (json.RawMessage, error) {
	var contact map[string]any
	if err := json.Unmarshal(record, &contact); err != nil || contact == nil {
		return nil, errors.New("the record is not a JSON object")
	}
	delete(contact, "timestamp_subscribed")
	delete(contact, "@force_optin")
	contact["marketing_optin"] = "EXPLICITLY_OPTEDOUT"
	if contact["timestamp_unsubscribed"] == nil {
		contact["timestamp_unsubscribed"] = at.UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	return json.Marshal(contact)
}

// Write pushes records.
func (t Target) Write(ctx context.Context, records []json.RawMessage) ([]sync.Outcome, error) {
	result, err := t.Push(ctx, records)
	outcomes := make([]sync.Outcome, len(result.Outcomes))
	for i, o := range result.Outcomes {
		switch o.State {
		case StateAccepted:
			outcomes[i].State = sync.StateDelivered
		case StateRejected:
			outcomes[i] = sync.Outcome{State: sync.StateRejected, Reason: o.Reason}
		case StateNotSent, StateUnknown:
			outcomes[i].State = sync.StateUnsent
		}
	}
	err = classified(err)
	delay := sync.RetryAfter(err)
	if result.Queue.low() {
		delay = max(delay, queueDelay)
	}
	if t.budgets != nil && delay > 0 {
		// The error of the push comes first; without the delay the API throttles again.
		if delayed := t.budgets.Delay(ctx, t.account, min(delay, maxDelay)); err == nil && delayed != nil {
			err = delayed
		}
	}
	return outcomes, err
}

// maxDelay bounds the delay of an account's requests.
const maxDelay = time.Minute

// classified returns an error of this package as one of list sync.
func classified(err error) error {
	var e *Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	class := sync.ClassUnavailable
	switch e.Class {
	case ClassAccess, ClassRefused:
		class = sync.ClassPermanent
	case ClassThrottled:
		class = sync.ClassThrottled
	case ClassUnknown:
		// A broken connection or a timeout is no evidence about the records.
		if e.Status > 0 {
			class = sync.ClassUnknown
		}
	case ClassUnavailable:
	}
	return &sync.Error{Class: class, RetryAfter: e.RetryAfter, Err: err}
}
