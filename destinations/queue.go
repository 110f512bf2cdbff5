package destinations

import "iter"

// NewQueue makes a queue of jobs, in their order, by the events that they are of.
func NewQueue(jobs []QueuedJob, events map[string]Event) *Queue {
	q := &Queue{}
	at := map[string]int{}
	for _, job := range jobs {
		i, known := at[job.EventID]
		if !known {
			i = len(q.Events)
			at[job.EventID] = i
			q.Events = append(q.Events, QueuedEvent{Event: events[job.EventID]})
		}
		q.Events[i].Jobs = append(q.Events[i].Jobs, job)
	}
	return q
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
