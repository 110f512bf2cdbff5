package ingesting

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store/internal/db"
)

// Rate is a number of events that count against a rate limit in a window.
type Rate struct {
	// Key names what is limited, 1 to 300 characters.
	Key string
	// Start and End bound the window.
	Start, End time.Time
	// Events is the number.
	Events int64
}

// AddRates adds numbers of events in one statement and returns those of all servers, in no particular
// order. No two of the rates have the same key and window.
func (s *Store) AddRates(ctx context.Context, rates []Rate) ([]Rate, error) {
	var add db.AddIngestRatesParams
	for _, r := range rates {
		add.Keys, add.Events = append(add.Keys, r.Key), append(add.Events, r.Events)
		add.Starts, add.Ends = append(add.Starts, r.Start), append(add.Ends, r.End)
	}
	rows, err := s.sql.Queries.AddIngestRates(ctx, add)
	if err != nil {
		return nil, fmt.Errorf("add events to rates: %w", err)
	}
	sums := make([]Rate, len(rows))
	for i, row := range rows {
		sums[i] = Rate{Key: row.Key, Start: row.StartsAt, End: row.EndsAt, Events: row.Events}
	}
	return sums, nil
}

// DeleteOldRates deletes windows that ended more than a minute ago.
func (s *Store) DeleteOldRates(ctx context.Context) error {
	if err := s.sql.Queries.DeleteOldIngestRates(ctx); err != nil {
		return fmt.Errorf("delete old rates: %w", err)
	}
	return nil
}
