package dispatch

import (
	"context"
	"encoding/json"

	"github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/destinations/flow"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Wants returns what the current flows want of an import that has ended: its end, its rows. It
// reads the origins of the flows only. Whether they can be compiled is determined by the dispatch,
// so that no flow keeps an import from ending.
func Wants(s *deliverystore.Store) func(ctx context.Context, o importing.Outcome) (end, records bool, err error) {
	return func(ctx context.Context, o importing.Outcome) (end, records bool, err error) {
		flows, err := s.Flows(ctx)
		if err != nil {
			return false, false, err
		}
		for _, stored := range flows {
			var f flow.Flow
			// A flow that this worker cannot read may want anything.
			unknown := json.Unmarshal(stored.Spec, &f) != nil
			end = end || unknown || f.WantsEnd(o.Importer, o.Status)
			if o.Status == importstore.StatusCompleted && o.RowsLoaded > 0 {
				records = records || unknown || f.WantsRecords(o.Importer)
			}
		}
		return end, records, nil
	}
}
