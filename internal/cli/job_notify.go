package cli

import (
	"context"
	"fmt"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// notifyDue notifies the producers of jobs that a person has made due. Actions with a schedule find
// theirs when their time comes.
func notifyDue(ctx context.Context, opened *dispatchstore.Store) error {
	counts, err := opened.Deliveries.JobStats(ctx, deliverystore.JobFilter{
		States: []string{deliverystore.JobAcknowledged, deliverystore.JobAwaiting},
	})
	if err != nil {
		return err
	}
	var due []deliverystore.ActionName
	for _, n := range counts {
		if n.Due > 0 {
			due = append(due, deliverystore.ActionName{Destination: n.Destination, Action: n.Action})
		}
	}
	if err := opened.Deliveries.NotifyJobs(ctx, due); err != nil {
		return fmt.Errorf("the jobs are due, and are delivered after the next poll: %w", err)
	}
	return nil
}
