package destinations

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/store"
)

// Evidence returns what a load says about the health of its connection. Jobs that have
// succeeded say that it is healthy; without any, errors of ErrorClassConnection say that it is
// not. Errors about a job and mistakes of an operator say nothing.
// An endpoint that is gone (ErrGone) counts before both.
func (o Outcome) Evidence() store.Evidence {
	for _, r := range o.Results {
		if r.State == store.JobFailed && errors.Is(r.Error, ErrGone) {
			return store.Evidence{Gone: true, Reason: r.Error.Error()}
		}
	}
	if o.Delivered() > 0 {
		return store.Evidence{Succeeded: true}
	}
	var e store.Evidence
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
	case store.JobFailed, store.JobUnknown, store.JobDiscarded:
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
