package ometria

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sluicehq/sluice/sync"
)

// Target writes records of list sync. While the account's queue has little room, it delays the requests of
// all lists of the account.
type Target struct {
	*Writer
	budgets sync.Budgets
	account string
}

var _ sync.Writer = Target{}

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
