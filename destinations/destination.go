// Package destinations has the contract that every kind of destination fulfils, the
// registry of those kinds, and the rules by which their jobs are scheduled and end.
//
// A destination is an outside system that events are delivered to. Each of its actions
// turns an event into a job (Marshal), which is stored, and later loads stored jobs into
// the system (Load). When, how often and how durably is the business of the destination's
// workflow and its activities: destinations know neither Temporal nor the store.
package destinations

import (
	"context"
	"encoding/json"
	"time"
)

// Destination is one kind of outside system. Its methods may be called concurrently and
// always return the same.
type Destination interface {
	// Name is the destination's key in the registry, in stored jobs and on the command
	// line: lower-case letters, digits and underscores, at most 50. It is never changed
	// once released.
	Name() string
	// Label is what people call it, for instance "Webhook".
	Label() string
	// Options are its versions, default schedule and limits.
	Options() Options
	// Actions are what it can do, at least one.
	Actions() []Action
}

// Action is something that a destination can do. Its methods may be called concurrently,
// in several processes.
type Action interface {
	// Name is the action's key among those of its destination, in the same form.
	Name() string
	// Schedule says when it is loaded; nil stands for the destination's schedule.
	Schedule() *Schedule
	// Marshal makes a job of an event, with no more in it than Load needs, and no secret.
	// It does no I/O and gives the same for the same event. A nil job means that the
	// action has nothing to do with the event. After an error no job of the event is
	// stored.
	Marshal(ctx context.Context, tk *Toolkit, e Event) (*Job, error)
	// Load delivers the jobs of a queue, and reports how each went as soon as it knows, on
	// the goroutine that it was called on or on others that have ended when it returns.
	// Reports that come later are lost. Jobs about which nothing was reported count as
	// unknown: they may have been delivered. Any job may come again, also after it was
	// delivered: its ID is the idempotency key. Load returns soon after ctx is done. A
	// panic is caught; what was reported before it counts.
	Load(ctx context.Context, tk *Toolkit, q *Queue, report func(Then))
}

// WithHooks is a Destination or an Action that has something to do when a worker starts
// and stops, such as opening a pool of connections. See Lifecycle for the order.
type WithHooks interface {
	// Init is called before anything is loaded. An error stops the worker.
	Init(ctx context.Context, tk *Toolkit) error
	// Shutdown is called when nothing is loaded any more, if Init has succeeded. An error
	// is logged.
	Shutdown(ctx context.Context, tk *Toolkit) error
}

// WithData is an Action whose Marshal reads the event's data by Decode. Flows that make data for
// it are checked when they are read: names of fields, types of constants, and fields with the
// tag required:"true". Marshal is tried on data that are the same for every event, with an event
// that has nothing else. Other actions check data only when an event comes.
type WithData interface {
	Action
	// Data returns a pointer to a new struct of the type that Marshal decodes into.
	Data() any
}

// Options are the options of a destination. The zero value is fit for use.
type Options struct {
	// Versions are the versions of jobs that it takes, and since when each is
	// deprecated, zero if it is maintained. A version that is not in here is refused.
	// Empty means that there are no versions.
	Versions map[string]time.Time
	// DefaultVersion is for events that name none. Required with Versions, and one of
	// them.
	DefaultVersion string
	// DefaultSchedule is for actions without one. Defaults to DefaultSchedule().
	DefaultSchedule *Schedule
	// Concurrency is how many queues of a connection are loaded at once, over all workers.
	// Defaults to 1, with which its jobs are loaded in order.
	Concurrency int
	// RatePerSecond is how many jobs a second of a connection are loaded at most, over all
	// workers. Defaults to 0, no bound.
	RatePerSecond float64
	// BatchSize is how many jobs a queue has at most. Defaults to 100, and is MaxBatch at
	// most. A queue of a realtime action has fewer if there are not as many.
	BatchSize int
	// Timeout bounds one Load. Defaults to 1 min.
	Timeout time.Duration
	// RedriveUnknown says that jobs whose fate is unknown are loaded again like failed
	// ones. It is for destinations that recognise a job that comes twice. Others leave
	// them to a person.
	RedriveUnknown bool
	// RedriveLost says that jobs whose worker was lost are loaded again even without
	// RedriveUnknown: hardly any of them was being delivered at that moment.
	RedriveLost bool
}

// MaxBatch is how many jobs a queue can have.
const MaxBatch = 10_000

// Event is an event as its source has sent it.
type Event struct {
	// ID is the event's, unique for ever.
	ID string `json:"id"`
	// Source is where it comes from, Name what happened there, such as order.paid.
	Source string `json:"source"`
	Name   string `json:"name,omitempty"`
	// Version is the version that the job is to be of, never empty for a destination that
	// has versions.
	Version string `json:"version,omitempty"`
	// Context and Data are JSON.
	Context json.RawMessage `json:"context,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	// ParentID is the event that it was a part of, "" if it was none.
	ParentID string `json:"parent_id,omitempty"`
	// SentAt is when the source says that it happened, zero if it does not say.
	SentAt time.Time `json:"sent_at,omitzero"`
	// ReceivedAt is when it came.
	ReceivedAt time.Time `json:"received_at,omitzero"`
}

// Job is what Marshal makes of an event.
type Job struct {
	// Version defaults to the event's.
	Version string
	// Context and Data are JSON. Context defaults to the event's, Data to {}.
	Context, Data json.RawMessage
	// SentAt defaults to the event's.
	SentAt time.Time
	// DueAt is when the job is to be loaded at the earliest. Defaults to now.
	DueAt time.Time
}

// QueuedJob is a job that is to be loaded.
type QueuedJob struct {
	// ID is the job's, the same at every attempt: the idempotency key.
	ID string
	// EventID is its event's.
	EventID string
	// Version, Context and Data are as they were stored.
	Version       string
	Context, Data json.RawMessage
	// Attempt is the number of this attempt, from 1. People who retry a job set it back.
	Attempt int
	// Repeated means that an earlier attempt has loaded the job: it may have been delivered.
	Repeated bool
	// SentAt and CreatedAt are when the event happened, zero if not known, and when the
	// job was made.
	SentAt, CreatedAt time.Time
}

// QueuedEvent is an event with those of its jobs that are to be loaded.
type QueuedEvent struct {
	Event Event
	Jobs  []QueuedJob
}

// Queue is what one Load is given: jobs of one action and one connection, in the order in
// which they were made, by their events. The connection is the one that the field "connection"
// of their data names; jobs without one are together. A Load reads it and does not change it.
type Queue struct {
	Events []QueuedEvent
}
