package destinations

import (
	"encoding/json"
	"time"
)

// Then reports how the load of jobs went, and what is to follow.
type Then struct {
	// Jobs are the IDs of the jobs that it is about. Empty stands for all jobs of the
	// queue that no other report names. What a report says about a job by name counts
	// more than what one says about all, whichever came first; of two reports of the same
	// kind the later one counts.
	Jobs []string
	// Error is why they were not delivered, nil if they were. They are tried again until
	// their retries are used up. It holds no secret and no personal data: it is stored
	// and shown. WithClass says whether it is about the job, an operator's mistake, or about
	// the connection, which is the default.
	Error error
	// ForceDiscard says that no retry will help. Error must say why.
	ForceDiscard bool
	// Untried says that the jobs were not even tried, for instance because the
	// destination asked for a pause before their turn. It costs them no attempt, and
	// nothing follows. Error says why.
	Untried bool
	// Unknown says that the jobs may have been delivered or not, for instance because the
	// connection was lost after everything was sent. Error says why.
	Unknown bool
	// RetryAfter is the minimum delay of the next attempt, with Error. Defaults to 0; bounded by
	// MaxRetryAfter.
	RetryAfter time.Duration
	// OnSucceeded, OnFailed and OnDiscarded are the following jobs for the final state of the jobs:
	// jobs of the same destination, one for each job and entry.
	OnSucceeded, OnFailed, OnDiscarded []Next
}

// MaxRetryAfter bounds what a destination can ask for.
const MaxRetryAfter = 24 * time.Hour

// Next is a job that follows from the outcome of another one. Its action's Marshal makes
// it of an event with the same ID as that of the job it follows.
type Next struct {
	// Action is the name of an action of the same destination.
	Action string
	// Data is what Event.Data is for Marshal. Defaults to the data of the job before.
	Data json.RawMessage
	// Context is the same for Event.Context. Defaults to the context of the job before.
	Context json.RawMessage
	// Version defaults to that of the job before.
	Version string
}
