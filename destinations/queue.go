package destinations

import (
	"iter"

	"github.com/sluicehq/sluice/store"
)

// NewQueue makes a queue of what was claimed from the store.
func NewQueue(c store.Claim) *Queue {
	q := &Queue{}
	at := map[string]int{}
	for _, job := range c.Jobs {
		i, known := at[job.EventID]
		if !known {
			i = len(q.Events)
			at[job.EventID] = i
			q.Events = append(q.Events, QueuedEvent{Event: EventOf(c.Events[job.EventID])})
		}
		queued := QueuedJob{
			ID: job.ID, EventID: job.EventID, Version: job.Version, Context: job.Context, Data: job.Data,
			Attempt: int(job.Attempt), Repeated: job.Fence > 1, CreatedAt: job.CreatedAt,
		}
		if job.SentAt != nil {
			queued.SentAt = *job.SentAt
		}
		q.Events[i].Jobs = append(q.Events[i].Jobs, queued)
	}
	return q
}

// EventOf returns a stored event as destinations see it.
func EventOf(e store.Event) Event {
	event := Event{
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

// Jobs returns all jobs of the queue, in order.
func (q *Queue) Jobs() iter.Seq[QueuedJob] {
	return func(yield func(QueuedJob) bool) {
		for _, event := range q.Events {
			for _, job := range event.Jobs {
				if !yield(job) {
					return
				}
			}
		}
	}
}

// Len returns how many jobs there are.
func (q *Queue) Len() int {
	n := 0
	for _, event := range q.Events {
		n += len(event.Jobs)
	}
	return n
}

// IDs returns the IDs of all jobs, in order.
func (q *Queue) IDs() []string {
	ids := make([]string, 0, q.Len())
	for job := range q.Jobs() {
		ids = append(ids, job.ID)
	}
	return ids
}
