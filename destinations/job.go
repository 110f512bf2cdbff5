package destinations

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// State is the state that an attempt brings a job to.
type State string

// The states that an attempt can bring a job to. A stored job has others besides.
const (
	// StateSucceeded means that the destination has the job.
	StateSucceeded State = "succeeded"
	// StateFailed means that the job is retried.
	StateFailed State = "failed"
	// StateDiscarded means that the job is not retried: a retry cannot help, or its retries are
	// exhausted.
	StateDiscarded State = "discarded"
	// StateUnknown means that the job has no result. It may have been delivered.
	StateUnknown State = "unknown"
	// StateAwaiting means that the job was not tried. It costs the job no attempt.
	StateAwaiting State = "awaiting"
)

// States returns all states that an attempt can bring a job to.
func States() []State {
	return []State{StateSucceeded, StateFailed, StateDiscarded, StateUnknown, StateAwaiting}
}

// ErrPayload means that a context or data is not JSON.
var ErrPayload = errors.New("not JSON that can be stored")

// NewJob is a job that MakeJob has made, ready to be stored.
type NewJob struct {
	// ID is unique for ever: a UUID of version 7.
	ID string
	// Destination and Action name what loads it.
	Destination, Action string
	// Version is the version of the destination that Data is made for.
	Version string
	// Context and Data are JSON.
	Context, Data json.RawMessage
	// SentAt is when the event happened, zero for the event's own SentAt.
	SentAt time.Time
	// DueAt is when it is to be loaded at the earliest, zero for now.
	DueAt time.Time
	// Unprepared says that the worker that claims the job prepares it by PrepareJob.
	Unprepared bool
}

// JobOutcome is the result of an attempt at one job, ready to be recorded.
type JobOutcome struct {
	// JobID is the job's.
	JobID string
	// State is the state that the job enters.
	State State
	// Error says why, "" for StateSucceeded. It holds no secret.
	Error string
	// RetryAfter is the wait before the next attempt, for StateFailed, StateAwaiting and
	// StateUnknown. Below zero an unknown job waits for a person.
	RetryAfter time.Duration
	// Chained are the jobs that follow, of the same destination.
	Chained []NewJob
}

// newID returns an ID for a job: a UUID of version 7, so that sorting by it is sorting by time.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an ID: %w", err)
	}
	return id.String(), nil
}
