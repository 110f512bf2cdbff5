package eventlog

import (
	"errors"
	"fmt"
	"time"
)

// Faults of a log.
var (
	// ErrFull means that the log has no room: its events have not been read for too long.
	// Nothing was stored.
	ErrFull = errors.New("event log full")
	// ErrOverloaded means that too many bytes wait to be committed. Nothing was stored.
	ErrOverloaded = errors.New("too many events wait for the event log")
	// ErrUnknownOutcome means that no acknowledgement arrived in time. The events may have
	// been stored.
	ErrUnknownOutcome = errors.New("event log has not acknowledged")
	// ErrNotSent means that the caller waited no longer for an earlier commit of the partition to end. Nothing was
	// stored.
	ErrNotSent = errors.New("event log is busy with earlier events")
	// ErrTooLarge means that the records of one call do not fit a message. Nothing was stored.
	ErrTooLarge = errors.New("records too large for the event log")
	// ErrOtherLog means that the server has another log than the expected one.
	ErrOtherLog = errors.New("another event log")
	// ErrNoLog means that the server has no log, although one is expected.
	ErrNoLog = errors.New("no event log")
	// ErrRewound means that the log ends before a position that was already read: it was
	// restored from an old copy, or created anew. Sequences would be used twice.
	ErrRewound = errors.New("event log ends before what was already read")
)

// UnavailableError means that the log cannot take events at the moment. It wraps ErrFull,
// ErrOverloaded, ErrNotSent, ErrUnknownOutcome or ErrRewound.
type UnavailableError struct {
	Partition int
	// RetryAfter is when to try again at the earliest, for the header Retry-After.
	RetryAfter time.Duration
	Cause      error
}

// Error implements error.
func (e *UnavailableError) Error() string {
	return fmt.Sprintf("append to partition %d: %v (retry after %s)", e.Partition, e.Cause, e.RetryAfter)
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }

// GapError means that messages between two others are missing from a partition.
type GapError struct {
	Partition int
	// First and Last are the missing sequences.
	First, Last uint64
}

// Error implements error.
func (e *GapError) Error() string {
	return fmt.Sprintf("partition %d of the event log: messages %d to %d are missing (purged before they were read?)",
		e.Partition, e.First, e.Last)
}
