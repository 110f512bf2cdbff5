package importers

import (
	"errors"
	"time"
)

// Class says what kind of fault ended an import, so that people and alerts can
// tell whose turn it is. It is shown as the search attribute SluiceErrorClass.
type Class string

// The classes of errors.
const (
	// ClassInput is a fault in what is imported: wrong header, broken file.
	ClassInput Class = "bad_input"
	// ClassAccess is a missing or refused permission or credential.
	ClassAccess Class = "access_denied"
	// ClassNoDays means that no day is left to import.
	ClassNoDays Class = "no_free_days"
	// ClassRejects means that more rows were rejected than allowed.
	ClassRejects Class = "too_many_rejects"
	// ClassSource is a fault on the other side, after all retries.
	ClassSource Class = "source_unavailable"
	// ClassInternal is a fault in Sluice or in what it runs on.
	ClassInternal Class = "internal"
	// ClassEnded means that the import has ended already and cannot go on.
	ClassEnded Class = "ended"
	// ClassCancelled means that somebody cancelled the import.
	ClassCancelled Class = "cancelled"
)

// Known says whether the class is one of those above: what comes back from a
// workflow's history may be any text.
func (c Class) Known() bool {
	switch c {
	case ClassInput, ClassAccess, ClassNoDays, ClassRejects, ClassSource, ClassInternal, ClassEnded, ClassCancelled:
		return true
	default:
		return false
	}
}

// PermanentError is an error that no retry will cure.
type PermanentError struct {
	// Class says what kind of fault it is.
	Class Class
	// Err is the fault, worded for the person who started the import.
	Err error
}

// Error returns the fault's text.
func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent marks an error as one that no retry will cure. A nil error stays
// nil.
func Permanent(class Class, err error) error {
	if err == nil {
		return nil
	}
	return &PermanentError{Class: class, Err: err}
}

// RetryAfterError is a transient error that says when to try again.
type RetryAfterError struct {
	// After is how long to wait before the next attempt.
	After time.Duration
	// Err is the fault.
	Err error
}

// Error returns the fault's text.
func (e *RetryAfterError) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *RetryAfterError) Unwrap() error { return e.Err }

// RetryAfter marks a transient error with the time to wait before the next
// attempt, for instance from an HTTP Retry-After header.
func RetryAfter(after time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &RetryAfterError{After: after, Err: err}
}

// ClassOf returns the class of a permanent error, and ok = false for any other.
func ClassOf(err error) (class Class, ok bool) {
	var p *PermanentError
	if errors.As(err, &p) {
		return p.Class, true
	}
	return "", false
}
