package cli

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/store"
)

// wakeDue wakes the realtime actions with due jobs: the database sends no notification for jobs that
// an operator has made due. Other actions find theirs at their next run.
func wakeDue(ctx context.Context, s *session, opened *store.Store) error {
	counts, err := opened.JobStats(ctx, store.JobFilter{States: []string{store.JobAcknowledged, store.JobAwaiting}})
	if err != nil {
		return err
	}
	var refs []activities.ActionRef
	for _, n := range counts {
		ref := activities.ActionRef{Destination: n.Destination, Action: n.Action}
		d, a, err := s.known.Destinations.LookupAction(ref.Destination, ref.Action)
		if err != nil || n.Due == 0 {
			// Another program delivers jobs of an unknown destination.
			continue
		}
		settings, err := opened.Settings(ctx, ref.Destination)
		if err != nil {
			return err
		}
		// `sluice destination show` reports an invalid setting.
		if plan, _ := destinations.PlanOf(d, a, settings); plan.Realtime { //nolint:errcheck // see above
			refs = append(refs, ref)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	client, err := s.Deliveries(ctx)
	if err == nil {
		err = client.Wake(ctx, refs)
	}
	if err != nil {
		return fmt.Errorf("the jobs are due, but failed to notify their actions: %w", err)
	}
	return nil
}
