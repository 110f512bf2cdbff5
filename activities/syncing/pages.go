package syncing

import (
	"context"
	"errors"
	"time"

	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// RunRef names a run.
type RunRef struct {
	Sync  string `json:"sync"`
	RunID int64  `json:"run_id"`
}

// Progress is how far a run is.
type Progress struct {
	// Done means that the window is complete.
	Done      bool  `json:"done,omitempty"`
	Pages     int64 `json:"pages"`
	Read      int64 `json:"read"`
	Delivered int64 `json:"delivered"`
	Rejected  int64 `json:"rejected"`
	Skipped   int64 `json:"skipped,omitempty"`
	// Announced is the number of records of the window according to the source, 0 if unknown.
	Announced int64 `json:"announced,omitempty"`
	// SourceCount is the number of records of the list according to the source, after a full load.
	SourceCount *int64 `json:"source_count,omitempty"`
	// Interrupted is the error that ended an attempt after progress, "" if there was none.
	Interrupted string `json:"interrupted,omitempty"`
}

func progressOf(run syncstore.Run) Progress {
	return Progress{
		Done: run.Done, Pages: run.Pages, Read: run.Read, Delivered: run.Delivered, Rejected: run.Rejected,
		Skipped: run.Skipped, Announced: run.Announced, SourceCount: run.SourceCount,
	}
}

// Pages delivers pages of a run from its last checkpoint, for a while. An attempt that has made progress
// returns it even if an error has ended it: attempts without progress are counted, and those alone.
func (s *Syncs) Pages(ctx context.Context, in RunRef) (Progress, error) {
	progress, err := s.pages(ctx, in)
	return progress, failure(err)
}

func (s *Syncs) pages(ctx context.Context, in RunRef) (Progress, error) {
	row, err := s.Store.Sync(ctx, in.Sync)
	if err != nil {
		return Progress{}, err
	}
	run, err := s.Store.Claim(ctx, in.RunID)
	if err != nil {
		return Progress{}, err
	}
	o, err := s.Systems.open(ctx, row, 0)
	if err != nil {
		return Progress{}, err
	}
	if run.Done {
		return s.finished(ctx, row, run, o)
	}
	w := sync.Window{Until: run.Until.UTC()}
	if run.Since != nil {
		w.Since = run.Since.UTC()
	}
	begun, stored := time.Now(), 0
	limit := s.MaxDuration
	if limit == 0 {
		limit = DefaultMaxDuration
	}
	r := sync.Run{
		Reader: s.readerOf(o, run), Writer: o.writer, Mapping: o.mapping, List: row.ListID, Window: w, Cursor: run.Cursor,
		Skip: run.Skip, Workers: o.settings.WorkerCount,
		Checkpoint: func(ctx context.Context, c sync.Checkpoint) error {
			err := s.checkpoint(ctx, run, c)
			if err == nil {
				stored++
			}
			return err
		},
		Enough: func() bool { return time.Since(begun) > limit || s.stopping() },
	}
	done, err := r.Do(ctx)
	if err != nil && (stored == 0 || ctx.Err() != nil || sync.ClassOf(err) == sync.ClassPermanent) {
		return Progress{}, err
	}
	now, storeErr := s.Store.Run(ctx, run.ID)
	if storeErr != nil {
		return Progress{}, errors.Join(err, storeErr)
	}
	if err != nil {
		progress := progressOf(now)
		progress.Interrupted = text(err)
		return progress, nil
	}
	if done {
		return s.finished(ctx, row, now, o)
	}
	return progressOf(now), nil
}

// finished counts the records of the list at the source after a full load.
func (s *Syncs) finished(ctx context.Context, row syncstore.Sync, run syncstore.Run, o *opened) (Progress, error) {
	progress := progressOf(run)
	counter, ok := o.reader.(sync.Counter)
	if !ok || run.Kind != syncstore.KindFull {
		return progress, nil
	}
	n, err := counter.Count(ctx, row.ListID)
	if err != nil {
		return Progress{}, err
	}
	count := int64(n)
	progress.SourceCount = &count
	return progress, nil
}

// checkpoint stores a page.
func (s *Syncs) checkpoint(ctx context.Context, run syncstore.Run, c sync.Checkpoint) error {
	p := syncstore.Page{
		Cursor: c.Cursor, Done: c.Done, Read: c.Counts.Read, Delivered: c.Counts.Delivered, Rejected: c.Counts.Rejected,
		Skipped: c.Counts.Skipped, Announced: int64(c.Total), Rejects: rejects(c.Rejects),
	}
	known := sync.Known{}
	known.Merge(c.Delivered)
	for _, r := range c.Delivered {
		p.Keys = append(p.Keys, r.Key)
	}
	if len(known) > 0 {
		var err error
		if p.IDs, err = known.Encode(); err != nil {
			return err
		}
	}
	return s.Store.Advance(ctx, run, p)
}

func rejects(all []sync.Reject) []syncstore.NewReject {
	rows := make([]syncstore.NewReject, len(all))
	for i, r := range all {
		rows[i] = syncstore.NewReject{Key: r.Key, Unidentified: r.Unidentified, Stage: string(r.Stage), Reason: r.Reason}
	}
	return rows
}
