package mailchimp

import (
	"errors"
	"fmt"
	"time"
)

// Class classifies an Error by what can be done about it.
type Class string

// The classes of errors.
const (
	// ClassInput is an invalid argument, or a list or member that does not exist.
	ClassInput Class = "input"
	// ClassAccess is an API key that is invalid or lacks a permission.
	ClassAccess Class = "access"
	// ClassThrottled means that the account has too many connections or requests: back off.
	ClassThrottled Class = "throttled"
	// ClassUnavailable is a failed connection, a timeout or an error of the server: retry.
	ClassUnavailable Class = "unavailable"
	// ClassResponse is a response that contradicts the request or itself: retry, then report.
	ClassResponse Class = "response"
)

// Error is the error of a call. Its text has no API key and no e-mail address.
type Error struct {
	// Op is the operation, such as "read members".
	Op string
	// Class is the class of the error.
	Class Class
	// Status is the HTTP status, 0 without a response.
	Status int
	// RetryAfter is the requested minimum delay of the next attempt, 0 if none was named.
	RetryAfter time.Duration
	// Err is the fault.
	Err error
}

// Error returns the operation and the fault.
func (e *Error) Error() string { return fmt.Sprintf("mailchimp: %s: %s", e.Op, e.Err) }

// Unwrap returns the fault.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same call can succeed later.
func (e *Error) Retryable() bool { return e.Class != ClassInput && e.Class != ClassAccess }

// ClassOf returns the class of an error of this package, "" for any other.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ""
}

// ChangedError means that the list has changed so much since the last page that the reader cannot
// find its place. Reading resumes at the start of the cursor's second, and repeats members.
type ChangedError struct {
	// Resume is the cursor to continue from. It passes no undelivered member.
	Resume Cursor
}

// Error says that the list changed.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("mailchimp: read members: the list changed during the read: resume at the members changed after %s",
		stamp(e.Resume.Second))
}

// bad returns an error about a response.
func bad(op, format string, args ...any) error {
	return &Error{Op: op, Class: ClassResponse, Err: fmt.Errorf(format, args...)}
}

// wrong returns an error about an argument.
func wrong(op, format string, args ...any) error {
	return &Error{Op: op, Class: ClassInput, Err: fmt.Errorf(format, args...)}
}
