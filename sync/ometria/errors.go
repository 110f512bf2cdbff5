package ometria

import (
	"errors"
	"fmt"
	"time"
)

// Class classifies an Error by what can be done about it.
type Class string

// The classes of errors.
const (
	// ClassAccess is an API key that is invalid or lacks a permission.
	ClassAccess Class = "access"
	// ClassRefused is a request that the API refuses as a whole, whatever its records.
	ClassRefused Class = "refused"
	// ClassThrottled means that the rate or the queue of the account is exhausted: back off. The API
	// has not accepted the records.
	ClassThrottled Class = "throttled"
	// ClassUnavailable means that the request was not processed: retry.
	ClassUnavailable Class = "unavailable"
	// ClassUnknown means that the request may have been processed: retry. The API merges records by
	// their IDs, so that a repetition is harmless.
	ClassUnknown Class = "unknown"
)

// Error is the error of a call. Its text has no API key and no e-mail address.
type Error struct {
	// Op is the operation, such as "push records".
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
func (e *Error) Error() string { return fmt.Sprintf("ometria: %s: %s", e.Op, e.Err) }

// Unwrap returns the fault.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same call can succeed later.
func (e *Error) Retryable() bool { return e.Class != ClassAccess && e.Class != ClassRefused }

// ClassOf returns the class of an error of this package, "" for any other.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ""
}

// unknown returns the error of a request that may have been processed.
func unknown(op string, status int, format string, args ...any) *Error {
	return &Error{Op: op, Class: ClassUnknown, Status: status, Err: fmt.Errorf(format, args...)}
}
