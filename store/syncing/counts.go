package syncing

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// NoteCounts records what the source said about the list before a run: a JSON object of numbers by status. The
// first call counts.
func (s *Store) NoteCounts(ctx context.Context, run int64, counts json.RawMessage) error {
	if err := s.sql.Queries.NoteSyncRunCounts(ctx, counts, run); err != nil {
		return fmt.Errorf("record the counts before run %d: %w", run, err)
	}
	return nil
}

// EachRunIDs calls fn with the compressed set of each page of a run that has one, in order.
func (s *Store) EachRunIDs(ctx context.Context, run int64, fn func(ids []byte) error) error {
	for after := int64(0); ; {
		rows, err := s.sql.Queries.SyncRunIDs(ctx, db.SyncRunIDsParams{RunID: run, After: after, RowLimit: idsBatch})
		if err != nil {
			return fmt.Errorf("read the delivered records of run %d: %w", run, err)
		}
		for _, row := range rows {
			if err := fn(row.Ids); err != nil {
				return err
			}
			after = row.Page
		}
		if len(rows) < idsBatch {
			return nil
		}
	}
}

// Compared is the comparison of a full load with the counts of the source.
type Compared struct {
	Sync  string
	RunID int64
	// Read, Before and After are JSON objects of numbers by status.
	Read, Before, After json.RawMessage
	// Changed and Rejected are records that may be counted otherwise, Difference is what they do not explain.
	Changed, Rejected, Difference int64
	// Exceeded means that the difference raises an alarm.
	Exceeded bool
}

// SaveCounts records a comparison, unless there is one of the same or a later run.
func (s *Store) SaveCounts(ctx context.Context, c Compared) error {
	err := s.sql.Queries.SaveSyncCounts(ctx, db.SaveSyncCountsParams{
		Sync: c.Sync, RunID: c.RunID, CountsRead: c.Read, CountsBefore: c.Before, CountsAfter: c.After, Changed: c.Changed,
		Rejected: c.Rejected, Difference: c.Difference, Exceeded: c.Exceeded,
	})
	if err != nil {
		return fmt.Errorf("record the counts of run %d: %w", c.RunID, err)
	}
	return nil
}

// LastCounts returns the last comparison of a sync; ok is false if there was none.
func (s *Store) LastCounts(ctx context.Context, sync string) (counts Counts, ok bool, err error) {
	counts, err = s.sql.Queries.GetSyncCounts(ctx, sync)
	if store.NoRows(err) {
		return Counts{}, false, nil
	}
	if err != nil {
		return Counts{}, false, fmt.Errorf("read the counts of sync %s: %w", sync, err)
	}
	return counts, true, nil
}
