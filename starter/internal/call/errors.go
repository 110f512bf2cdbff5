package call

import (
	"errors"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
)

var (
	// ErrInvalid means that a request is wrong in itself: nothing was created or sent.
	ErrInvalid = errors.New("invalid request")
	// ErrRefused means that a workflow has refused a command.
	ErrRefused = errors.New("refused")
	// ErrNoWorker means that no worker has answered in time. The command may still be executed
	// once a worker runs.
	ErrNoWorker = errors.New("no worker answers")
)

// marked is an error that is one of the above, with the text it had before.
type marked struct {
	error
	as error
}

// Is says whether the error is target.
func (m marked) Is(target error) bool { return target == m.as }

// Unwrap returns the error itself.
func (m marked) Unwrap() error { return m.error }

// Mark makes an error one of the above; a nil error stays nil.
func Mark(err, as error) error {
	if err == nil {
		return nil
	}
	return marked{error: err, as: as}
}

// answered marks the error of a workflow that has answered as a refusal.
func answered(err error) error {
	if _, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return Mark(err, ErrRefused)
	}
	return err
}

// IsNotFound says whether Temporal has no such thing, or a closed one.
func IsNotFound(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound)
}
