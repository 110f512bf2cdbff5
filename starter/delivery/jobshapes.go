package delivery

import (
	"encoding/json"
	"time"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// Job is a job in lists: the JSON of the command line and of the API. Fields are only ever added.
type Job struct {
	ID          string     `json:"id"`
	Destination string     `json:"destination"`
	Action      string     `json:"action"`
	Version     string     `json:"version"`
	EventID     string     `json:"event_id"`
	ParentJobID *string    `json:"parent_job_id"`
	ReplayOf    *string    `json:"replay_of"`
	State       string     `json:"state"`
	Attempt     int32      `json:"attempt"`
	DueAt       *time.Time `json:"due_at"`
	// Error is why the job is in its state, By the operator who has changed it.
	Error string `json:"error"`
	By    string `json:"by"`
	// NoWorker says that the job waits because no live worker has its action.
	NoWorker   bool       `json:"no_worker"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	FinishedAt *time.Time `json:"finished_at"`
}

// JobDetails is a job with its payload and history. Fields are only ever added.
type JobDetails struct {
	Job

	// Unprepared says that the payload is the input of the action's Marshal: a worker that has the
	// destination prepares the job.
	Unprepared     bool            `json:"unprepared"`
	Lineage        []string        `json:"lineage"`
	SentAt         *time.Time      `json:"sent_at"`
	LeaseExpiresAt *time.Time      `json:"lease_expires_at"`
	Context        json.RawMessage `json:"context"`
	Data           json.RawMessage `json:"data"`
	Transitions    []Transition    `json:"transitions"`
	Edits          []JobEdit       `json:"edits"`
	// Commands are those that the job accepts in its state: deliverystore.JobCommands, CommandEdit and CommandReplay.
	Commands []string `json:"commands"`
}

// Commands to a job beside deliverystore.JobCommands.
const (
	// CommandEdit changes the payload and retries the job now.
	CommandEdit = "edit"
	// CommandReplay adds a new job with the payload. Jobs in any state accept it.
	CommandReplay = "replay"
)

// commandsOf returns the commands that a job accepts in a state.
func commandsOf(state string) []string {
	var all []string
	for _, c := range deliverystore.CommandsFor(state) {
		all = append(all, string(c))
	}
	if deliverystore.Editable(state) {
		all = append(all, CommandEdit)
	}
	return append(all, CommandReplay)
}

// Transition is a line of a job's history.
type Transition struct {
	At      time.Time `json:"at"`
	From    *string   `json:"from"`
	To      string    `json:"to"`
	Attempt int32     `json:"attempt"`
	Error   string    `json:"error"`
	By      string    `json:"by"`
}

// JobEdit is the payload of a job before an edit.
type JobEdit struct {
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	Context json.RawMessage `json:"context"`
	Data    json.RawMessage `json:"data"`
}

// JobCount counts jobs: by destination, action and state, by hour, destination and state, or by state. Fields are only
// ever added.
type JobCount struct {
	Hour          *time.Time `json:"hour"`
	Destination   string     `json:"destination"`
	Action        string     `json:"action"`
	State         string     `json:"state"`
	Jobs          int64      `json:"jobs"`
	Due           int64      `json:"due"`
	OldestDue     *time.Time `json:"oldest_due"`
	OldestCreated *time.Time `json:"oldest_created"`
}
