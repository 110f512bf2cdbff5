package syncing

import (
	"context"
	"fmt"
)

// AddIntent records the compressed set of records that a run is about to write: what is delivered by an attempt
// that dies before its checkpoint is known to the next scan.
func (s *Store) AddIntent(ctx context.Context, run int64, ids []byte) error {
	if err := s.sql.Queries.AddSyncIntent(ctx, run, ids); err != nil {
		return fmt.Errorf("record what run %d is about to write: %w", run, err)
	}
	return nil
}
