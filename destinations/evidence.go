package destinations

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/connections"
)

// Evidence is what a load says about the health of its connection. The zero value says nothing.
type Evidence struct {
	// Succeeded says that a job has succeeded: the connection is healthy.
	Succeeded bool
	// Failed are the IDs of the jobs that have failed because of the connection. It counts
	// only if none has succeeded.
	Failed []string
	// Gone says that the endpoint wants no more requests: the connection is paused.
	Gone bool
	// Reason is why the first of them has, or what the endpoint said. It holds no secret.
	Reason string
}

// Evidence returns what a load says about the health of its connection. Jobs that have
// succeeded say that it is healthy; without any, errors of ErrorClassConnection say that it is
// not. Errors about a job and mistakes of an operator say nothing.
// An endpoint that is gone (ErrGone) counts before both.
func (o Outcome) Evidence() Evidence {
	for _, r := range o.Results {
		if r.State == StateFailed && errors.Is(r.Error, ErrGone) {
			return Evidence{Gone: true, Reason: r.Error.Error()}
		}
	}
	if o.Delivered() > 0 {
		return Evidence{Succeeded: true}
	}
	var e Evidence
	for _, r := range o.Results {
		if !r.blamesConnection() {
			continue
		}
		if len(e.Failed) == 0 {
			e.Reason = r.Error.Error()
		}
		e.Failed = append(e.Failed, r.Job.ID)
	}
	return e
}

// blamesConnection says whether a job was not delivered because of its connection.
func (r Result) blamesConnection() bool {
	switch r.State {
	case StateFailed, StateUnknown, StateDiscarded:
		return !r.Forced && ClassOf(r.Error) == ErrorClassConnection
	default:
		return false
	}
}

// classifying gives the errors of an opener a class: a connection that cannot be opened was
// not tried.
type classifying struct{ connections.Opener }

// Open opens a connection. An operator has to fix a missing connection and unreadable secrets.
func (c classifying) Open(ctx context.Context, name string) (connections.Connection, error) {
	opened, err := c.Opener.Open(ctx, name)
	for _, mistake := range []error{
		connections.ErrNotFound, connections.ErrNoKeyset, connections.ErrUnknownKey, connections.ErrSealBroken,
	} {
		if errors.Is(err, mistake) {
			return opened, WithClass(ErrorClassOperator, err)
		}
	}
	return opened, WithClass(ErrorClassJob, err)
}
