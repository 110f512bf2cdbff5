package syncing

import (
	"context"
	"fmt"
)

// RunsOf returns runs by their ids.
func (s *Store) RunsOf(ctx context.Context, ids []int64) (map[int64]Run, error) {
	rows, err := s.sql.Queries.SyncRunsOf(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read runs of syncs: %w", err)
	}
	runs := make(map[int64]Run, len(rows))
	for _, row := range rows {
		runs[row.ID] = row
	}
	return runs, nil
}

// ScansOf returns the last scans of syncs by their names. A sync that was not scanned is missing.
func (s *Store) ScansOf(ctx context.Context, syncs []string) (map[string]Scan, error) {
	rows, err := s.sql.Queries.SyncScansOf(ctx, syncs)
	if err != nil {
		return nil, fmt.Errorf("read the last scans of syncs: %w", err)
	}
	scans := make(map[string]Scan, len(rows))
	for _, row := range rows {
		scans[row.Sync] = row
	}
	return scans, nil
}
