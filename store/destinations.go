package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluicehq/sluice/store/db"
)

// The states of a job. Which of them follow one another is written down once, in the
// function job_may_move of the database, which refuses any other move.
const (
	// JobAcknowledged means that the job was stored and nobody has touched it since.
	JobAcknowledged = "acknowledged"
	// JobAwaiting means that it waits to be loaded, after somebody has sent it back: a
	// person, or a load that did not get to it.
	JobAwaiting = "awaiting"
	// JobExecuting means that a worker has it.
	JobExecuting = "executing"
	// JobSucceeded means that the destination has it. It is the only end without a
	// way back; Replay makes another job.
	JobSucceeded = "succeeded"
	// JobFailed means that it will be tried again.
	JobFailed = "failed"
	// JobDiscarded means that it will not be: retrying is useless, or was tried enough.
	JobDiscarded = "discarded"
	// JobUnknown means that nobody said how it went, for instance because the worker
	// died. It may have been delivered.
	JobUnknown = "unknown"
	// JobCancelled means that somebody does not want it any more.
	JobCancelled = "cancelled"
	// JobHeld means that somebody keeps it back until it is released.
	JobHeld = "held"
)

// JobStates returns all states of a job, in the order of its life.
func JobStates() []string {
	return []string{
		JobAcknowledged, JobAwaiting, JobExecuting, JobSucceeded, JobFailed, JobDiscarded, JobUnknown, JobCancelled, JobHeld,
	}
}

// Rows about destinations.
type (
	// Event is what a source has sent. It never changes.
	Event = db.Event
	// Job is an event on its way to one action of a destination.
	Job = db.Job
	// Transition is a line of a job's history.
	Transition = db.Transition
	// JobEdit is the payload of a job as it was before somebody changed it.
	JobEdit = db.JobEdit
	// DestinationSettings are what people have set for a destination or one of its
	// actions; nil fields leave what the program says.
	DestinationSettings = db.DestinationSetting
)

// Errors about destinations.
var (
	// ErrPayload means that a context or data is not JSON that PostgreSQL can keep.
	ErrPayload = errors.New("not JSON that can be stored")
	// ErrChain means that a job would make its chain too long, or go in a circle.
	ErrChain = errors.New("the chain of jobs must end here")
)

// JobError says why a job is in the state that it is in. It is what Job.LastError and
// Transition.Error hold.
type JobError struct {
	// Message is for people. It holds no secret.
	Message string `json:"message,omitempty"`
	// By names the person who made the change, if it was one.
	By string `json:"by,omitempty"`
}

// maxJobError is how many bytes of a message are kept.
const maxJobError = 2000

// encode returns the error as JSON.
func (e JobError) encode() json.RawMessage {
	e.Message, e.By = plain(e.Message), plain(e.By)
	if len(e.Message) > maxJobError {
		e.Message = plain(e.Message[:maxJobError]) + "..."
	}
	text, err := json.Marshal(e)
	if err != nil {
		// Two strings can be encoded.
		panic(err)
	}
	return text
}

// ErrorOf reads what Job.LastError and Transition.Error hold.
func ErrorOf(text json.RawMessage) (JobError, error) {
	var e JobError
	if err := json.Unmarshal(text, &e); err != nil {
		return JobError{}, fmt.Errorf("read the error of a job: %w", err)
	}
	return e, nil
}

// NewID returns an ID for an event or a job: a UUID of version 7, so that sorting by it
// is sorting by time.
func NewID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an ID: %w", err)
	}
	return id.String(), nil
}

// payload checks a context or data; nothing stands for an empty object.
func payload(what string, text json.RawMessage) (json.RawMessage, error) {
	if len(text) == 0 {
		return json.RawMessage("{}"), nil
	}
	if !json.Valid(text) {
		return nil, fmt.Errorf("%s: %w", what, ErrPayload)
	}
	return text, nil
}

// asPayload turns PostgreSQL's refusal of what is JSON to Go, such as a text with a zero
// byte or a number without end, into ErrPayload.
func asPayload(err error) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && strings.HasPrefix(pgErr.Code, "22") {
		return fmt.Errorf("%w: %s", ErrPayload, payloadFault(pgErr))
	}
	return err
}

// payloadFault says what PostgreSQL does not store although it is JSON to Go.
func payloadFault(err *pgconn.PgError) string {
	switch {
	case strings.Contains(err.Message, "unsupported Unicode escape"), strings.Contains(err.Detail, "surrogate"):
		return `a text holds \u0000 or half of a surrogate pair, which PostgreSQL does not store`
	case err.Code == "22003":
		return "a number is too large"
	default:
		return err.Message
	}
}

// orNil returns nil for a zero time.
func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
