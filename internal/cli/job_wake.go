package cli

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/store"
)

// wakeDue tells the actions that load in realtime and have jobs due: the database tells
// nobody that a person has made them so. The others find theirs when their time comes.
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
			// Jobs of a destination that this program does not know are not its to load.
			continue
		}
		settings, err := opened.Settings(ctx, ref.Destination)
		if err != nil {
			return err
		}
		// A setting that cannot be used is shown by `sluice destination show`.
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
		return fmt.Errorf("the jobs are due, but their actions could not be told: %w", err)
	}
	return nil
}
