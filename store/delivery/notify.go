package delivery

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/internal/db"
)

// AddedChannel is the PostgreSQL channel that notifies producers of new jobs. The payload is
// "destination/action".
const AddedChannel = "sluice_jobs"

// ActionName names an action of a destination.
type ActionName struct{ Destination, Action string }

// NotifyJobs notifies the producers on AddedChannel that jobs of some actions are due. To be called
// after the transaction that has added them. A lost notification delays jobs until the next poll.
func (s *Store) NotifyJobs(ctx context.Context, actions []ActionName) error {
	if len(actions) == 0 {
		return nil
	}
	p := db.NotifyJobsParams{Channel: AddedChannel}
	for _, a := range actions {
		p.Destinations, p.Actions = append(p.Destinations, a.Destination), append(p.Actions, a.Action)
	}
	if err := s.sql.Queries.NotifyJobs(ctx, p); err != nil {
		return fmt.Errorf("notify producers of jobs: %w", err)
	}
	return nil
}

// notifyAdded notifies the producers on AddedChannel of jobs that the caller's transaction adds, when
// it is committed.
func notifyAdded(ctx context.Context, q *db.Queries, jobs []NewJob) error {
	told := map[ActionName]bool{}
	for _, job := range jobs {
		name := ActionName{Destination: job.Destination, Action: job.Action}
		if told[name] {
			continue
		}
		told[name] = true
		if err := q.SendNotify(ctx, AddedChannel, job.Destination+"/"+job.Action); err != nil {
			return fmt.Errorf("notify producers of jobs: %w", err)
		}
	}
	return nil
}
