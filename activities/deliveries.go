package activities

import "time"

// ActionRef names an action of a destination.
type ActionRef struct {
	Destination string `json:"destination"`
	Action      string `json:"action"`
}

// Survey asks how an action stands.
type Survey struct {
	ActionRef
	// Now is the workflow's time.
	Now time.Time `json:"now"`
	// NextRun is the next time of the schedule as it was answered last, Interval and
	// TimeZone what it was answered for. Zero asks for the first time behind Now.
	NextRun  time.Time `json:"next_run,omitzero"`
	Interval string    `json:"interval,omitempty"`
	TimeZone string    `json:"time_zone,omitempty"`
	// Full says that everything is to be loaded that is due. Otherwise an action that is
	// loaded by the clock leaves alone what nobody has touched yet.
	Full bool `json:"full,omitempty"`
}

// ActionPlan is what an action goes by at present, as histories hold it.
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

// Surveyed is how an action stands.
type Surveyed struct {
	Plan ActionPlan `json:"plan"`
	// NextRun is the next time of the schedule.
	NextRun time.Time `json:"next_run,omitzero"`
	// NextDue is when there is something to do: when a job is due, or a lease ends. Zero
	// if there is nothing. Of an action that is loaded by the clock, and not in full, jobs
	// that nobody has touched yet do not count; nor do they for Due.
	NextDue time.Time `json:"next_due,omitzero"`
	// Due is how many jobs can be loaded now, Waiting how many in all can be now or later;
	// store.MaxBacklog stands for as many or more.
	Due int64 `json:"due,omitempty"`
	// Blocked is how many jobs are due and wait for their connection: see store.Backlog.
	Blocked int64 `json:"blocked,omitempty"`
	Waiting int64 `json:"waiting,omitempty"`
	// Unhealthy are connections that jobs wait for and that are not healthy, at most five.
	Unhealthy []UnhealthyConnection `json:"unhealthy,omitempty"`
}

// UnhealthyConnection is a connection that fails, or that a person has paused.
type UnhealthyConnection struct {
	// Connection is its name, or "@" and the destination for jobs that name none.
	Connection string `json:"connection"`
	// State is store.ConnectionFailing or another of its kind.
	State string `json:"state"`
	// OpenUntil is until when its circuit is open, zero if it is not.
	OpenUntil time.Time `json:"open_until,omitzero"`
	// Failures is how many consecutive batches have failed, Reason why the last one has, or
	// why it is paused.
	Failures int32  `json:"failures,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// DrainRequest starts a drain.
type DrainRequest struct {
	Survey
	// Seconds is after how long the drain ends at the latest. A drain of an action with a schedule
	// ends earlier, when no jobs are left.
	Seconds float64 `json:"seconds"`
}

// Loaded counts what became of jobs.
type Loaded struct {
	Succeeded int64 `json:"succeeded,omitempty"`
	Failed    int64 `json:"failed,omitempty"`
	Discarded int64 `json:"discarded,omitempty"`
	Unknown   int64 `json:"unknown,omitempty"`
	// Untried went back without an attempt.
	Untried int64 `json:"untried,omitempty"`
}

// Add adds up.
func (l *Loaded) Add(more Loaded) {
	l.Succeeded += more.Succeeded
	l.Failed += more.Failed
	l.Discarded += more.Discarded
	l.Unknown += more.Unknown
	l.Untried += more.Untried
}

// Drained is the result of a drain, and how the action stands after it.
type Drained struct {
	Surveyed
	Loaded
	// Claimed is how many jobs were claimed, Batches in how many batches.
	Claimed int `json:"claimed"`
	Batches int `json:"batches,omitempty"`
}

// SettingsChange changes what an action goes by. Fields that are nil stay as they are;
// empty ones go back to what the program says.
type SettingsChange struct {
	Survey
	// By names who changes it.
	By          string   `json:"by,omitempty"`
	Paused      *bool    `json:"paused,omitempty"`
	Realtime    *bool    `json:"realtime,omitempty"`
	Interval    *string  `json:"interval,omitempty"`
	TimeZone    *string  `json:"time_zone,omitempty"`
	Rate        *float64 `json:"rate,omitempty"`
	Concurrency *int32   `json:"concurrency,omitempty"`
	// TryNow lets open circuits be tried at once, and makes jobs due that wait for a retry.
	TryNow bool `json:"try_now,omitempty"`
}
