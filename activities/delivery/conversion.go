package delivery

import (
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/convert"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// The store and the destinations do not know each other: these functions convert between the rows of
// one and the types of the other. Types with equal fields are converted by the language.

// EventOf returns a stored event as destinations see it.
func EventOf(e deliverystore.Event) destinations.Event {
	event := destinations.Event{
		ID: e.ID, Source: e.Source, Name: e.Name, Version: e.Version, Context: e.Context, Data: e.Data,
		ReceivedAt: e.ReceivedAt,
	}
	if e.ParentEventID != nil {
		event.ParentID = *e.ParentEventID
	}
	if e.SentAt != nil {
		event.SentAt = *e.SentAt
	}
	return event
}

// NewJobs returns jobs that are to be stored.
func NewJobs(made []destinations.NewJob) []deliverystore.NewJob {
	var jobs []deliverystore.NewJob
	for _, job := range made {
		jobs = append(jobs, deliverystore.NewJob(job))
	}
	return jobs
}

// SettingsOf returns stored settings, by action, as destinations see them.
func SettingsOf(stored map[string]deliverystore.Settings) map[string]destinations.Settings {
	settings := make(map[string]destinations.Settings, len(stored))
	for action, s := range stored {
		settings[action] = destinations.Settings{
			Paused: s.Paused, Realtime: s.Realtime, Interval: s.Interval, TimeZone: s.TimeZone,
			MaxRetries: s.MaxRetries, Concurrency: s.Concurrency, BatchSize: s.BatchSize, Rate: s.Rate,
		}
	}
	return settings
}

// queueOf returns the queue of claimed jobs.
func queueOf(c deliverystore.Claim) *destinations.Queue {
	jobs := convert.Slice(c.Jobs, queuedJob)
	events := make(map[string]destinations.Event, len(c.Events))
	for id, event := range c.Events {
		events[id] = EventOf(event)
	}
	return destinations.NewQueue(jobs, events)
}

// queuedJob returns a claimed job as destinations see it.
func queuedJob(job deliverystore.Job) destinations.QueuedJob {
	queued := destinations.QueuedJob{
		ID: job.ID, EventID: job.EventID, Version: job.Version, Context: job.Context, Data: job.Data,
		Attempt: int(job.Attempt), Repeated: job.FencingToken > 1, CreatedAt: job.CreatedAt,
	}
	if job.SentAt != nil {
		queued.SentAt = *job.SentAt
	}
	return queued
}

// outcomesOf returns the outcomes of claimed jobs, with the fencing tokens of the claim.
func outcomesOf(c deliverystore.Claim, outcomes []destinations.JobOutcome) []deliverystore.JobOutcome {
	tokens := make(map[string]int64, len(c.Jobs))
	for _, job := range c.Jobs {
		tokens[job.ID] = job.FencingToken
	}
	stored := make([]deliverystore.JobOutcome, len(outcomes))
	for i, o := range outcomes {
		stored[i] = deliverystore.JobOutcome{
			JobID: o.JobID, FencingToken: tokens[o.JobID], State: string(o.State), Error: o.Error, RetryAfter: o.RetryAfter,
			Chained: NewJobs(o.Chained),
		}
	}
	return stored
}

// claimOf returns the claim of an action's jobs.
func claimOf(d destinations.Destination, a destinations.Action, p destinations.Plan) deliverystore.ClaimRequest {
	return deliverystore.ClaimRequest{
		Destination: d.Name(), Action: a.Name(), Limit: int32(p.BatchSize), Lease: p.Lease(),
		RedriveAfter: p.RedriveAfter(), MaxRetries: int32(*p.MaxRetries), Concurrency: int32(p.Concurrency),
		Rate: p.RatePerSecond,
	}
}
