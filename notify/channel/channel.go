// Package channel has what the ways of delivering notifications have in common: what
// they are given, and how they say that it went wrong.
package channel

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/store"
)

// Message is a notification on its way to one target.
type Message struct {
	// DeliveryID is the number of the delivery. It stays the same from attempt to
	// attempt.
	DeliveryID int64
	// Target is where it goes: an address, or the name of a connection.
	Target string
	// Announcement is what it says.
	Announcement store.Announcement
}

// Sender delivers messages in one way. It may be called concurrently, and again with
// a message that was delivered before: the other side tells by the announcement's ID.
type Sender interface {
	// Send makes one attempt. An error made with Permanent ends the delivery, as does
	// ErrUnknown; ErrUnwanted leaves it out, any other one is followed by another attempt. Errors hold neither
	// secrets nor addresses of people.
	Send(ctx context.Context, m Message) error
}

// ErrUnknown means that the target may have got the message or not. Another attempt may
// deliver it a second time: the delivery ends.
var ErrUnknown = errors.New("it may have been delivered, and is not sent again")

// IsUnknown says whether the target may have got the message or not.
func IsUnknown(err error) bool { return errors.Is(err, ErrUnknown) }

// ErrUnwanted means that the target does not want to know of such events.
var ErrUnwanted = errors.New("the target does not want such events")

// PermanentError is an error that no further attempt will cure.
type PermanentError struct{ Err error }

// Error returns the fault's text.
func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent marks an error as one that no further attempt will cure.
func Permanent(err error) error { return &PermanentError{Err: err} }

// IsPermanent says whether no further attempt will cure the error.
func IsPermanent(err error) bool {
	var p *PermanentError
	return errors.As(err, &p)
}

// GoneError is an error that says that the target wants nothing any more, ever.
type GoneError struct{ Err error }

// Error returns the fault's text.
func (e *GoneError) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *GoneError) Unwrap() error { return e.Err }

// Gone marks an error as permanent, and the target as one that wants nothing any more.
func Gone(err error) error { return Permanent(&GoneError{Err: err}) }

// IsGone says whether the target wants nothing any more.
func IsGone(err error) bool {
	var g *GoneError
	return errors.As(err, &g)
}

// ErrDisabled means that the target gets nothing until somebody enables it again.
var ErrDisabled = errors.New("the target is disabled")

// RetryAfterError is an error with the time to wait before the next attempt.
type RetryAfterError struct {
	// After is how long to wait at least.
	After time.Duration
	Err   error
}

// Error returns the fault's text.
func (e *RetryAfterError) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *RetryAfterError) Unwrap() error { return e.Err }

// RetryAfter marks an error with the time to wait before the next attempt.
func RetryAfter(after time.Duration, err error) error {
	return &RetryAfterError{After: after, Err: err}
}

// Wait returns how long to wait at least before the next attempt, 0 if the error does
// not say.
func Wait(err error) time.Duration {
	var r *RetryAfterError
	if errors.As(err, &r) {
		return r.After
	}
	return 0
}
