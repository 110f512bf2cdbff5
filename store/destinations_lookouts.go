package store

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/db"
)

// ActionName names an action of a destination.
type ActionName struct{ Destination, Action string }

// RingLookouts returns those of some actions that loads are on the lookout for: they look for
// jobs again, and what the caller has committed is among these. It wakes them up, by
// AddedChannel.
func (s *Store) RingLookouts(ctx context.Context, actions []ActionName) ([]ActionName, error) {
	p := db.RingLookoutsParams{Channel: AddedChannel}
	for _, a := range actions {
		p.Destinations, p.Actions = append(p.Destinations, a.Destination), append(p.Actions, a.Action)
	}
	rows, err := s.Queries.RingLookouts(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("see whether jobs are looked for: %w", err)
	}
	rung := make([]ActionName, len(rows))
	for i, row := range rows {
		rung[i] = ActionName{Destination: row.Destination, Action: row.Action}
	}
	return rung, nil
}
