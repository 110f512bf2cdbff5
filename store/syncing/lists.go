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

// CountsOf returns the last comparisons of syncs with the counts of their sources, by their names. A sync that was not
// compared is missing.
func (s *Store) CountsOf(ctx context.Context, syncs []string) (map[string]Counts, error) {
	rows, err := s.sql.Queries.SyncCountsOf(ctx, syncs)
	if err != nil {
		return nil, fmt.Errorf("read the counts of syncs: %w", err)
	}
	counts := make(map[string]Counts, len(rows))
	for _, row := range rows {
		counts[row.Sync] = row
	}
	return counts, nil
}

// HeldOf counts the records of syncs that are held as opted out, by their names.
func (s *Store) HeldOf(ctx context.Context, syncs []string) (map[string]int64, error) {
	rows, err := s.sql.Queries.SyncHeldOf(ctx, syncs)
	if err != nil {
		return nil, fmt.Errorf("count the records of syncs that are held as opted out: %w", err)
	}
	held := make(map[string]int64, len(rows))
	for _, row := range rows {
		held[row.Sync] = row.Held
	}
	return held, nil
}

// LateErrorsOf returns what LateErrors returns, of several syncs by their names, at most limit of each.
func (s *Store) LateErrorsOf(ctx context.Context, syncs []string, limit int) (map[string][]LateErrors, error) {
	rows, err := s.sql.Queries.SyncLateErrorsOf(ctx, syncs, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list the late errors of syncs: %w", err)
	}
	late := map[string][]LateErrors{}
	for _, row := range rows {
		late[row.Sync] = append(late[row.Sync], row)
	}
	return late, nil
}
