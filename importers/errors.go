package importers

import (
	"errors"
	"time"

	"github.com/sluicehq/sluice/internal/outbound"
)

// Class classifies the error that ended an import, so that people and alerts know who can fix
// it. It is the search attribute SluiceErrorClass.
type Class string

// The classes of errors.
const (
	// ClassInput is an error in the source: a wrong header, a corrupt file.
	ClassInput Class = "bad_input"
	// ClassAccess is a missing or refused permission or credential.
	ClassAccess Class = "access_denied"
	// ClassNoDays means that no free day remains.
	ClassNoDays Class = "no_free_days"
	// ClassRejects means that more rows were rejected than allowed.
	ClassRejects Class = "too_many_rejects"
	// ClassSource is an error of the source's system after all retries.
	ClassSource Class = "source_unavailable"
	// ClassInternal is an error of Sluice or its servers.
	ClassInternal Class = "internal"
	// ClassEnded means that the import has already ended and cannot resume.
	ClassEnded Class = "ended"
	// ClassCancelled means that the import was cancelled.
	ClassCancelled Class = "cancelled"
	// ClassDeclined means that the import's review has declined it.
	ClassDeclined Class = "declined"
)

// Known reports whether the class is one of the constants. Histories of workflows may contain
// any text.
func (c Class) Known() bool {
	switch c {
	case ClassInput, ClassAccess, ClassNoDays, ClassRejects, ClassSource, ClassInternal, ClassEnded, ClassCancelled,
		ClassDeclined:
		return true
	default:
		return false
	}
}

// PermanentError is an error that is not retried.
type PermanentError struct {
	// Class is the class of the error.
	Class Class
	// Err is the cause, written for the requester of the import.
	Err error
}

// Error returns the fault's text.
func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent marks an error as permanent: it is not retried. It returns nil for a nil error.
func Permanent(class Class, err error) error {
	if err == nil {
		return nil
	}
	return &PermanentError{Class: class, Err: err}
}

// RetryAfterError is a transient error with the time of the next attempt.
type RetryAfterError struct {
	// After is the minimum delay of the next attempt.
	After time.Duration
	// Err is the fault.
	Err error
}

// Error returns the fault's text.
func (e *RetryAfterError) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *RetryAfterError) Unwrap() error { return e.Err }

// RetryAfter sets the delay of the next attempt after a transient error, for instance from an
// HTTP Retry-After header.
func RetryAfter(after time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &RetryAfterError{After: after, Err: err}
}

// WaitError requests a durable wait until a time that the source has named, such as the reset
// of a quota. The import waits without a worker, shows the reason and uses no retry.
type WaitError struct {
	// Until is the time of the next attempt, at most MaxWait ahead.
	Until time.Time
	// Err is the reason, written for the requester of the import.
	Err error
}

// MaxWait bounds a WaitError. A longer wait ends after MaxWait, and the importer is called
// again.
const MaxWait = 25 * time.Hour

// Error returns the reason's text.
func (e *WaitError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *WaitError) Unwrap() error { return e.Err }

// WaitUntil marks an error that ends at a known time.
func WaitUntil(until time.Time, err error) error {
	if err == nil {
		return nil
	}
	return &WaitError{Until: until, Err: err}
}

// ErrUnchanged ends an import successfully and without rows: its source has no new data.
// BeforeStart and Plan may return it, wrapped in a message for users.
var ErrUnchanged = errors.New("nothing has changed since the last import")

// ClassOf returns the class of a permanent error, and ok = false for any other. An address that the guard of
// connections refuses is permanent, of ClassAccess.
func ClassOf(err error) (class Class, ok bool) {
	var p *PermanentError
	switch {
	case errors.As(err, &p):
		return p.Class, true
	case outbound.IsRefused(err):
		return ClassAccess, true
	default:
		return "", false
	}
}
