package syncing

import (
	"context"
	"encoding/json"
	"fmt"

	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// Counted is the comparison of a full load with the counts of the source.
type Counted struct {
	// SourceCount is the number of records of the list according to the source, nil if it was not asked.
	SourceCount *int64 `json:"source_count,omitempty"`
	// Difference is the number of records by which both differ, beyond what changes and rejected records
	// explain; Exceeded means that it raises an alarm.
	Difference int64 `json:"difference,omitempty"`
	Exceeded   bool  `json:"exceeded,omitempty"`
}

// Count compares a full load that is complete with the counts of the source. Once a run was compared, the result
// stays.
func (s *Syncs) Count(ctx context.Context, in RunRef) (Counted, error) {
	counted, err := s.count(ctx, in)
	return counted, failure(err)
}

func (s *Syncs) count(ctx context.Context, in RunRef) (Counted, error) {
	run, err := s.Store.Run(ctx, in.RunID)
	if err != nil || run.Kind != syncstore.KindFull {
		return Counted{}, err
	}
	last, compared, err := s.Store.LastCounts(ctx, in.Sync)
	switch {
	case err != nil:
		return Counted{}, err
	case compared && last.RunID == run.ID:
		return countedOf(last.CountsAfter, last.Difference, last.Exceeded)
	}
	row, err := s.Store.Sync(ctx, in.Sync)
	if err != nil {
		return Counted{}, err
	}
	o, err := s.Systems.open(ctx, row, 0)
	if err != nil {
		return Counted{}, err
	}
	defer o.close()
	counter, ok := o.reader.(sync.Counter)
	if !ok {
		return Counted{}, nil
	}
	c := sync.CountComparison{Rejected: run.Rejected}
	if c.After, err = counter.Count(ctx, row.ListID); err != nil {
		return Counted{}, err
	}
	total := c.After.Sum()
	if run.Skipped > 0 {
		// A trial of a part of the list.
		return Counted{SourceCount: &total}, nil
	}
	if c.Changed, err = counter.Changed(ctx, row.ListID, window(run)); err != nil {
		return Counted{}, err
	}
	if c.Read, err = s.countRead(ctx, run, counter); err != nil {
		return Counted{}, err
	}
	if c.Before = c.After; len(run.CountsBefore) > 0 {
		c.Before = nil
		if err := json.Unmarshal(run.CountsBefore, &c.Before); err != nil {
			return Counted{}, fmt.Errorf("decode the counts before run %d: %w", run.ID, err)
		}
	}
	difference, exceeded := c.Difference(), c.Exceeds(o.settings.MaxMissing)
	if err := s.saveCounts(ctx, run, c, difference, exceeded); err != nil {
		return Counted{}, err
	}
	return Counted{SourceCount: &total, Difference: difference, Exceeded: exceeded}, nil
}

func countedOf(after json.RawMessage, difference int64, exceeded bool) (Counted, error) {
	var counts sync.StatusCounts
	if err := json.Unmarshal(after, &counts); err != nil {
		return Counted{}, fmt.Errorf("decode the counts of the source: %w", err)
	}
	return Counted{SourceCount: new(counts.Sum()), Difference: difference, Exceeded: exceeded}, nil
}

// countRead counts the delivered records of a run by status, each once, as it was read last.
func (s *Syncs) countRead(ctx context.Context, run syncstore.Run, counter sync.Counter) (sync.StatusCounts, error) {
	return sync.NewTally(run.Delivered).Count(func(add func(key []byte, status string)) error {
		return s.Store.EachRunIDs(ctx, run.ID, func(ids []byte) error {
			if err := sync.EachKnown(ids, func(key, ref []byte) { add(key, counter.Status(ref)) }); err != nil {
				return permanent(err)
			}
			return nil
		})
	})
}

func (s *Syncs) saveCounts(
	ctx context.Context, run syncstore.Run, c sync.CountComparison, difference int64, exceeded bool,
) error {
	row := syncstore.Compared{
		Sync: run.Sync, RunID: run.ID, Changed: c.Changed, Rejected: c.Rejected, Difference: difference, Exceeded: exceeded,
	}
	for counts, into := range map[*sync.StatusCounts]*json.RawMessage{
		&c.Read: &row.Read, &c.Before: &row.Before, &c.After: &row.After,
	} {
		text, err := json.Marshal(*counts)
		if err != nil {
			return fmt.Errorf("encode the counts of run %d: %w", run.ID, err)
		}
		*into = text
	}
	return s.Store.SaveCounts(ctx, row)
}

// countBefore asks the source for its counts before the first page of a full load.
func (s *Syncs) countBefore(ctx context.Context, row syncstore.Sync, run syncstore.Run, o *opened) error {
	counter, ok := o.reader.(sync.Counter)
	if !ok || run.Kind != syncstore.KindFull || run.Pages > 0 || run.CountsBefore != nil {
		return nil
	}
	counts, err := counter.Count(ctx, row.ListID)
	if err != nil {
		return err
	}
	text, err := json.Marshal(counts)
	if err != nil {
		return fmt.Errorf("encode the counts before run %d: %w", run.ID, err)
	}
	return s.Store.NoteCounts(ctx, run.ID, text)
}
