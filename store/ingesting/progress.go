package ingesting

import (
	"context"
	"fmt"
	"time"
)

// WriterProgress is how far the writers of the event log are, over all partitions.
type WriterProgress struct {
	// Partitions is 0 if no event log is registered.
	Partitions int64
	// Open is how many partitions have a range that is being written, OpenSince since when the oldest of them had no
	// progress, or nil.
	Open      int64
	OpenSince *time.Time
	// WrittenAt is the last progress of a partition that has written a range, or nil.
	WrittenAt *time.Time
	// Poisoned is how many records could not be written.
	Poisoned int64
}

// WriterProgress returns the progress of the writers.
func (s *Store) WriterProgress(ctx context.Context) (WriterProgress, error) {
	row, err := s.sql.Queries.SumIngestCheckpoints(ctx)
	if err != nil {
		return WriterProgress{}, fmt.Errorf("read the progress of the writers: %w", err)
	}
	p := WriterProgress{Partitions: row.Partitions, Open: row.Open, Poisoned: row.Poisoned}
	if row.Open > 0 {
		p.OpenSince = &row.OpenSince
	}
	if row.Written > 0 {
		p.WrittenAt = &row.WrittenAt
	}
	return p, nil
}
