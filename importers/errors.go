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
	// ClassDeclined means that the import's review has declined it.
	ClassDeclined Class = "declined"
)

// Known says whether the class is one of those above: what comes back from a
// workflow's history may be any text.
func (c Class) Known() bool {
	switch c {
	case ClassInput, ClassAccess, ClassNoDays, ClassRejects, ClassSource, ClassInternal, ClassEnded, ClassCancelled,
		ClassDeclined:
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

// WaitError asks for a durable wait: the work cannot go on before a time that the other
// side has named, such as the reset of a quota. The import waits, says why, and costs
// nothing meanwhile; no retry is used up.
type WaitError struct {
	// Until is when to go on. It is at most MaxWait ahead.
	Until time.Time
	// Err is the reason, worded for the person who started the import.
	Err error
}

// MaxWait bounds a WaitError: a longer wait is cut to it, and asked for again.
const MaxWait = 25 * time.Hour

// Error returns the reason's text.
func (e *WaitError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *WaitError) Unwrap() error { return e.Err }

// WaitUntil marks an error as one that passes at a known time.
func WaitUntil(until time.Time, err error) error {
	if err == nil {
		return nil
	}
	return &WaitError{Until: until, Err: err}
}

// ErrUnchanged ends an import well, but without rows: its source has nothing that was
// not imported before. BeforeStart and Plan may return it, wrapped in what people should
// read.
var ErrUnchanged = errors.New("nothing has changed since the last import")

// ClassOf returns the class of a permanent error, and ok = false for any other.
func ClassOf(err error) (class Class, ok bool) {
	var p *PermanentError
	if errors.As(err, &p) {
		return p.Class, true
	}
	return "", false
}
