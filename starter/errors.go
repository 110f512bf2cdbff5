package starter

import (
	"errors"

	"go.temporal.io/sdk/temporal"
)

var (
	// ErrInvalid means that a request is wrong in itself: nothing was created or sent.
	ErrInvalid = errors.New("invalid request")
	// ErrRefused means that a workflow has refused a command.
	ErrRefused = errors.New("refused")
)

// marked is an error that is one of the above, and says what it has said before.
type marked struct {
	error
	as error
}

// Is says whether the error is target.
func (m marked) Is(target error) bool { return target == m.as }

// Unwrap returns the error itself.
func (m marked) Unwrap() error { return m.error }

// mark makes an error one of the above; a nil error stays nil.
func mark(err, as error) error {
	if err == nil {
		return nil
	}
	return marked{error: err, as: as}
}

// answered marks the error of a workflow that has answered as a refusal.
func answered(err error) error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return mark(err, ErrRefused)
	}
	return err
}
