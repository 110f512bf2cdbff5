package delivery

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/connections"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// Destination is a destination as it is now: the JSON of the command line and of the API. Fields are only ever added.
type Destination struct {
	Name           string    `json:"name"`
	Label          string    `json:"label"`
	Versions       []Version `json:"versions"`
	DefaultVersion string    `json:"default_version"`
	Paused         bool      `json:"paused"`
	// State is one of the constants that begin with Destination.
	State string `json:"state"`
	// Jobs are the numbers of jobs by state.
	Jobs      map[string]int64 `json:"jobs"`
	Due       int64            `json:"due"`
	OldestDue *time.Time       `json:"oldest_due"`
	Actions   []Action         `json:"actions"`
	// Connections are the connections of waiting jobs.
	Connections []Waiting `json:"connections"`
	// Workers is the number of live workers that have the destination.
	Workers int `json:"workers"`
	// Registered says that this program has the destination. Otherwise only the names of its actions
	// are known.
	Registered bool `json:"registered"`
}

// States of destinations.
const (
	DestinationHealthy = "healthy"
	DestinationPaused  = "paused"
	// DestinationUnhealthy means that jobs wait for something that must be repaired: a worker, the settings or the
	// workflow of an action, or a connection.
	DestinationUnhealthy = "unhealthy"
)

// DestinationStates returns all states of destinations.
func DestinationStates() []string {
	return []string{DestinationHealthy, DestinationPaused, DestinationUnhealthy}
}

// state returns the state of a destination whose workflows are known.
func (d Destination) state() string {
	unhealthy := d.Workers == 0
	for _, a := range d.Actions {
		unhealthy = unhealthy || a.Fault != "" || a.Workers == 0 || a.Workflow != WorkflowRunning
	}
	for _, c := range d.Connections {
		switch c.State {
		case deliverystore.ConnectionHealthy, deliverystore.ConnectionFailing, deliverystore.ConnectionPaused:
		default:
			unhealthy = true
		}
	}
	switch {
	case unhealthy:
		return DestinationUnhealthy
	case d.Paused:
		return DestinationPaused
	default:
		return DestinationHealthy
	}
}

// Version is a version of a destination's jobs.
type Version struct {
	Name            string     `json:"name"`
	DeprecatedSince *time.Time `json:"deprecated_since"`
}

// Action is an action with its effective settings: the program's, overridden by the operator's.
type Action struct {
	Name     string `json:"name"`
	Paused   bool   `json:"paused"`
	Realtime bool   `json:"realtime"`
	Interval string `json:"interval"`
	TimeZone string `json:"time_zone"`
	// Next is the next scheduled run. It is null for @every intervals, which count from the
	// workflow's last run.
	Next           *time.Time `json:"next"`
	MaxRetries     int        `json:"max_retries"`
	InitialBackoff float64    `json:"initial_backoff_seconds"`
	MaxBackoff     float64    `json:"max_backoff_seconds"`
	Concurrency    int        `json:"concurrency"`
	RatePerSecond  float64    `json:"rate_per_second"`
	BatchSize      int        `json:"batch_size"`
	TimeoutSeconds float64    `json:"timeout_seconds"`
	RedriveUnknown bool       `json:"redrive_unknown"`
	Fault          string     `json:"fault"`
	// Workflow is the state of the action's workflow, one of the constants that begin with Workflow.
	Workflow string `json:"workflow"`
	// WorkflowFault explains a workflow that is not running.
	WorkflowFault string           `json:"workflow_fault"`
	Jobs          map[string]int64 `json:"jobs"`
	// Workers is the number of live workers that have the action.
	Workers int `json:"workers"`
}

// States of an action's workflow.
const (
	WorkflowRunning    = "running"
	WorkflowNotRunning = "not running"
	WorkflowFailing    = "failing"
	// WorkflowUnknown means that Temporal does not answer.
	WorkflowUnknown = "unknown"
)

// WorkflowState returns the worst state of the workflows of the destination's actions: not running, failing, unknown,
// or running, in this order.
func (d Destination) WorkflowState() string {
	for _, state := range []string{WorkflowNotRunning, WorkflowFailing, WorkflowUnknown} {
		if slices.ContainsFunc(d.Actions, func(a Action) bool { return a.Workflow == state }) {
			return state
		}
	}
	return WorkflowRunning
}

// ConnectionMissing is the state of a connection that jobs name but that does not exist.
const ConnectionMissing = "missing"

// Waiting is a connection with waiting jobs of a destination.
type Waiting struct {
	// Connection is its name, "" for jobs without a connection. State is also ConnectionMissing.
	Connection string `json:"connection"`
	connections.Health
	// Waiting is the number of waiting jobs, Due the number of those that are due.
	Waiting int64 `json:"waiting"`
	Due     int64 `json:"due"`
}
