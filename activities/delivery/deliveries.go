package delivery

import (
	"time"
)

// ActionRef names an action of a destination.
type ActionRef struct {
	Destination string `json:"destination"`
	Action      string `json:"action"`
}

// StatusRequest asks for the status of an action.
type StatusRequest struct {
	ActionRef
	// Now is the workflow's time.
	Now time.Time `json:"now"`
	// NextRun is the next run of the schedule according to the last answer, Interval and TimeZone the
	// schedule of that answer. Zero asks for the first run after Now.
	NextRun  time.Time `json:"next_run,omitzero"`
	Interval string    `json:"interval,omitempty"`
	TimeZone string    `json:"time_zone,omitempty"`
	// Full includes new jobs. Otherwise an action with a schedule delivers retries only.
	Full bool `json:"full,omitempty"`
}

// ActionPlan is the plan of an action in a history: see destinations.Plan.
type ActionPlan struct {
	Realtime       bool    `json:"realtime,omitempty"`
	Interval       string  `json:"interval"`
	TimeZone       string  `json:"time_zone"`
	MaxRetries     int     `json:"max_retries"`
	Concurrency    int     `json:"concurrency"`
	RatePerSecond  float64 `json:"rate_per_second,omitempty"`
	BatchSize      int     `json:"batch_size"`
	TimeoutSeconds float64 `json:"timeout_seconds"`
	Paused         bool    `json:"paused,omitempty"`
}

// ActionStatus is the status of an action.
type ActionStatus struct {
	Plan ActionPlan `json:"plan"`
	// NextRun is the next run of the schedule.
	NextRun time.Time `json:"next_run,omitzero"`
	// NextDue is when the next job is due or a lease expires, zero if there is neither. New jobs of
	// an action with a schedule count only if the request is Full; the same holds for Due.
	NextDue time.Time `json:"next_due,omitzero"`
	// Due is how many jobs can be claimed now, Waiting how many can be claimed now or later. Both are
	// counted up to deliverystore.MaxBacklog.
	Due int64 `json:"due,omitempty"`
	// Blocked is how many due jobs wait for their connection: see deliverystore.Backlog.
	Blocked int64 `json:"blocked,omitempty"`
	Waiting int64 `json:"waiting,omitempty"`
	// Unhealthy are up to five unhealthy connections that jobs wait for.
	Unhealthy []UnhealthyConnection `json:"unhealthy,omitempty"`
}

// UnhealthyConnection is a connection that fails or is paused.
type UnhealthyConnection struct {
	// Connection is its name, or "@" and the destination for jobs without a connection.
	Connection string `json:"connection"`
	// State is deliverystore.ConnectionFailing or another of its kind.
	State string `json:"state"`
	// OpenUntil is the end of the open circuit, zero if the circuit is closed.
	OpenUntil time.Time `json:"open_until,omitzero"`
	// Failures is how many consecutive batches have failed, Reason why the last one failed or why the
	// connection is paused.
	Failures int32  `json:"failures,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// DrainRequest starts a drain.
type DrainRequest struct {
	StatusRequest
	// Seconds is the maximum duration of the drain. A drain of an action with a schedule ends earlier,
	// when no due jobs are left.
	Seconds float64 `json:"seconds"`
}

// JobCounts counts jobs by result.
type JobCounts struct {
	Succeeded int64 `json:"succeeded,omitempty"`
	Failed    int64 `json:"failed,omitempty"`
	Discarded int64 `json:"discarded,omitempty"`
	Unknown   int64 `json:"unknown,omitempty"`
	// Untried is how many jobs were returned without an attempt.
	Untried int64 `json:"untried,omitempty"`
}

// Add adds other counts.
func (c *JobCounts) Add(more JobCounts) {
	c.Succeeded += more.Succeeded
	c.Failed += more.Failed
	c.Discarded += more.Discarded
	c.Unknown += more.Unknown
	c.Untried += more.Untried
}

// Drained is the result of a drain, with the status of the action after it.
type Drained struct {
	ActionStatus
	JobCounts
	// Claimed is how many jobs were claimed, Batches in how many batches.
	Claimed int `json:"claimed"`
	Batches int `json:"batches,omitempty"`
}

// SettingsChange changes the settings of an action. A nil field leaves the setting unchanged; an empty
// value restores the program's.
type SettingsChange struct {
	StatusRequest
	// By names the person who changes them.
	By          string   `json:"by,omitempty"`
	Paused      *bool    `json:"paused,omitempty"`
	Realtime    *bool    `json:"realtime,omitempty"`
	Interval    *string  `json:"interval,omitempty"`
	TimeZone    *string  `json:"time_zone,omitempty"`
	Rate        *float64 `json:"rate,omitempty"`
	Concurrency *int32   `json:"concurrency,omitempty"`
	// TryNow probes connections with an open circuit now, and makes waiting retries due.
	TryNow bool `json:"try_now,omitempty"`
}
