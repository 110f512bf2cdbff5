package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/store/internal/db"
)

// PreparedJob is the payload that an action's Marshal has returned for an unprepared job.
type PreparedJob struct {
	// JobID and FencingToken identify the claimed job.
	JobID        string
	FencingToken int64
	// NewJob is its payload. ID, Destination and Action are not used.
	NewJob
}

// prepared is the reason of a job that has got its payload.
const prepared = "payload prepared by the action"

// Prepare stores the payloads of claimed jobs that were unprepared and makes them due: they are claimed
// again, by the connection that the payload names. It counts no attempt. It returns the IDs of the jobs
// of which the caller still had the lease.
func (s *Store) Prepare(ctx context.Context, jobs []PreparedJob) ([]string, error) {
	p := db.PrepareJobsParams{Reason: JobError{Message: prepared}.encode()}
	for _, job := range jobs {
		var faults [2]error
		job.Context, faults[0] = payload("context", job.Context)
		job.Data, faults[1] = payload("data", job.Data)
		if err := errors.Join(faults[:]...); err != nil {
			return nil, fmt.Errorf("prepare job %s: %w", job.JobID, err)
		}
		p.Ids, p.FencingTokens = append(p.Ids, job.JobID), append(p.FencingTokens, job.FencingToken)
		p.Versions = append(p.Versions, job.Version)
		p.Contexts, p.Data = append(p.Contexts, job.Context), append(p.Data, job.Data)
		p.Sent, p.Due = append(p.Sent, timestamp(job.SentAt)), append(p.Due, timestamp(job.DueAt))
	}
	ids, err := s.sql.Queries.PrepareJobs(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("prepare %d jobs: %w", len(jobs), asPayload(err))
	}
	return ids, nil
}
