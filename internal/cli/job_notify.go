package cli

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store"
)

// notifyDue notifies the producers of jobs that a person has made due. Actions with a schedule find
// theirs when their time comes.
func notifyDue(ctx context.Context, opened *store.Store) error {
	counts, err := opened.JobStats(ctx, store.JobFilter{States: []string{store.JobAcknowledged, store.JobAwaiting}})
	if err != nil {
		return err
	}
	var due []store.ActionName
	for _, n := range counts {
		if n.Due > 0 {
			due = append(due, store.ActionName{Destination: n.Destination, Action: n.Action})
		}
	}
	if err := opened.NotifyJobs(ctx, due); err != nil {
		return fmt.Errorf("the jobs are due, and are delivered after the next poll: %w", err)
	}
	return nil
}
