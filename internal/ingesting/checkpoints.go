// Package ingesting connects the writer of events with the store, which does not know it.
package ingesting

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// Checkpoints keeps the progress of partitions in the store. It is safe for concurrent use.
type Checkpoints struct{ store *ingeststore.Store }

var _ writer.Checkpoints = (*Checkpoints)(nil)

// NewCheckpoints returns the writer's view of a store, in which the event log is registered.
func NewCheckpoints(s *ingeststore.Store) *Checkpoints { return &Checkpoints{store: s} }

// fenced makes the store's ErrFenced the writer's.
func fenced(err error) error {
	if errors.Is(err, store.ErrFenced) {
		return fmt.Errorf("%w: %w", writer.ErrFenced, err)
	}
	return err
}

func storeRange(token int64, r writer.Range) ingeststore.Range {
	return ingeststore.Range{
		Partition: int32(r.Partition), First: int64(r.From), Last: int64(r.To), FencingToken: token,
	}
}

// Load returns the progress of a partition.
func (c *Checkpoints) Load(ctx context.Context, partition int, token int64) (writer.Progress, error) {
	at, err := c.store.LoadCheckpoint(ctx, int32(partition), token)
	if err != nil {
		return writer.Progress{}, fenced(err)
	}
	p := writer.Progress{Snapshot: at.Snapshot, SnapshotNext: uint64(at.SnapshotNext)}
	if at.NextSequence > 1 {
		p.Next = uint64(at.NextSequence)
	}
	if at.OpenFrom != nil {
		p.Open = &writer.Open{
			Range:  writer.Range{Partition: partition, From: uint64(*at.OpenFrom), To: uint64(*at.OpenTo)},
			Repair: uint32(*at.OpenRepair),
		}
	}
	return p, nil
}

// Decide records the range that begins at the partition's next sequence.
func (c *Checkpoints) Decide(ctx context.Context, token int64, r writer.Range) error {
	return fenced(c.store.DecideRange(ctx, storeRange(token, r)))
}

// RecordRepair records the number of a repair of the open range before it begins.
func (c *Checkpoints) RecordRepair(ctx context.Context, token int64, r writer.Range, repair uint32) error {
	return fenced(c.store.RecordRepair(ctx, storeRange(token, r), repair))
}

// Mark records that the open range is written.
func (c *Checkpoints) Mark(ctx context.Context, token int64, r writer.Range, s writer.Summary) error {
	sum := ingeststore.Summary{
		Events: int64(s.Events), Sessions: int64(s.Sessions), Counters: int64(s.Counters), Poisoned: int64(s.Poisoned),
	}
	for _, p := range s.Poison {
		sum.Poison = append(sum.Poison, ingeststore.Poison{
			Sequence: int64(p.Sequence), RecordIndex: int32(p.Index), Reason: p.Reason, Sample: p.Sample,
		})
	}
	return fenced(c.store.MarkRange(ctx, storeRange(token, r), sum))
}

// SaveSnapshot replaces the snapshot of the partition's open sessions.
func (c *Checkpoints) SaveSnapshot(
	ctx context.Context, token int64, partition int, next uint64, snapshot []byte,
) error {
	return fenced(c.store.SaveSnapshot(ctx, int32(partition), token, int64(next), snapshot))
}

// Needed returns the lowest sequence that a writer of one of the partitions reads again after a crash.
func (c *Checkpoints) Needed(ctx context.Context, partitions []int) (uint64, error) {
	needed, err := c.store.Needed(ctx, convert.Slice(partitions, func(p int) int32 { return int32(p) }))
	return uint64(needed), err
}
