package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// The states of a job. The database's function job_may_move has the legal transitions; the database
// refuses any other.
const (
	// JobAcknowledged means that the job is stored and was not attempted.
	JobAcknowledged = "acknowledged"
	// JobAwaiting means that it waits again, because an operator has retried or released it, or because
	// a batch has not tried it.
	JobAwaiting = "awaiting"
	// JobExecuting means that a worker has claimed it.
	JobExecuting = "executing"
	// JobSucceeded means that it was delivered. It is the only final state; a replay makes another job.
	JobSucceeded = "succeeded"
	// JobFailed means that it will be retried.
	JobFailed = "failed"
	// JobDiscarded means that it is not retried: a retry is useless, or its retries are exhausted.
	JobDiscarded = "discarded"
	// JobUnknown means that its result is unknown, for instance because the worker died. It may have
	// been delivered.
	JobUnknown = "unknown"
	// JobCancelled means that an operator has cancelled it.
	JobCancelled = "cancelled"
	// JobHeld means that an operator holds it back until it is released.
	JobHeld = "held"
)

// JobStates returns all states of a job, in the order of its lifecycle.
func JobStates() []string {
	return []string{
		JobAcknowledged, JobAwaiting, JobExecuting, JobSucceeded, JobFailed, JobDiscarded, JobUnknown, JobCancelled, JobHeld,
	}
}

// Rows about destinations.
type (
	// Event is an event of a source. It is immutable.
	Event = db.Event
	// Job is an event on its way to one action of a destination.
	Job = db.Job
	// Transition is a line of a job's history.
	Transition = db.Transition
	// JobEdit is the payload of a job before an operator changed it.
	JobEdit = db.JobEdit
	// Settings are an operator's settings of a destination or one of its actions; a nil field
	// keeps the program's.
	Settings = db.DestinationSetting
)

// Errors about destinations.
var (
	// ErrPayload means that a context or data is not JSON that PostgreSQL can store.
	ErrPayload = errors.New("not JSON that can be stored")
	// ErrChain means that a job would make its chain too long or a cycle.
	ErrChain = errors.New("the chain of jobs must end here")
)

// JobError is why a job is in its state. It is the JSON of Job.LastError and Transition.Error.
type JobError struct {
	// Message is for people. It has no secret.
	Message string `json:"message,omitempty"`
	// By names the person who has changed the state, "" if it was a worker.
	By string `json:"by,omitempty"`
}

// maxJobError bounds a stored message, in bytes of JSON.
const maxJobError = 2000

// encode returns the error as JSON.
func (e JobError) encode() json.RawMessage {
	e.Message, e.By = inbound.Cut(store.Plain(e.Message), maxJobError), store.Plain(e.By)
	text, err := json.Marshal(e)
	if err != nil {
		// Strings can always be encoded.
		panic(err)
	}
	return text
}

// ErrorOf decodes Job.LastError or Transition.Error.
func ErrorOf(text json.RawMessage) (JobError, error) {
	var e JobError
	if err := json.Unmarshal(text, &e); err != nil {
		return JobError{}, fmt.Errorf("read the error of a job: %w", err)
	}
	return e, nil
}

// payload validates a context or data; an empty text stands for an empty object.
func payload(what string, text json.RawMessage) (json.RawMessage, error) {
	if len(text) == 0 {
		return json.RawMessage("{}"), nil
	}
	if !json.Valid(text) {
		return nil, fmt.Errorf("%s: %w", what, ErrPayload)
	}
	return text, nil
}

// asPayload turns PostgreSQL's refusal of valid JSON, such as a text with a zero byte or a number that is
// too large, into ErrPayload.
func asPayload(err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && strings.HasPrefix(pgErr.Code, "22") {
		return fmt.Errorf("%w: %s", ErrPayload, payloadFault(pgErr))
	}
	return err
}

// payloadFault says why PostgreSQL does not store valid JSON.
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
