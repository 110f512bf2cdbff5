package syncing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/internal/convert"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// RunRef names a run.
type RunRef struct {
	Sync  string `json:"sync"`
	RunID int64  `json:"run_id"`
}

var _ activities.RunArgument = RunRef{}

// RunNo returns the run's ID.
func (r RunRef) RunNo() int64 { return r.RunID }

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
	// SourceCount is the number of records of the list according to the source, of a full load that has ended.
	SourceCount *int64 `json:"source_count,omitempty"`
	// Stopped says why the run waits for a command before it continues, "" if it does not.
	Stopped string `json:"stopped,omitempty"`
	// Failed says why a run that has ended has failed, "" if it has not.
	Failed string `json:"failed,omitempty"`
	// Interrupted is the error that ended an attempt after progress, "" if there was none.
	Interrupted string `json:"interrupted,omitempty"`
}

var _ activities.InterruptedResult = Progress{}

// InterruptedBy returns the error that ended an attempt after progress, "" if there was none.
func (p Progress) InterruptedBy() string { return p.Interrupted }

func progressOf(run syncstore.Run) Progress {
	progress := Progress{
		Done: run.Done, Pages: run.Pages, Read: run.Read, Delivered: run.Delivered, Rejected: run.Rejected,
		Skipped: run.Skipped, Announced: run.Announced, SourceCount: run.SourceCount,
	}
	if run.StoppedAt != nil {
		progress.Stopped = fmt.Sprintf("the last %d pages were wholly rejected, after %d delivered records",
			run.RejectedPages, run.Delivered)
	}
	if run.Status == syncstore.StatusFailed {
		progress.Failed = run.Error
	}
	return progress
}

// window returns the window of a run.
func window(run syncstore.Run) sync.Window {
	w := sync.Window{Until: run.Until.UTC()}
	if run.Since != nil {
		w.Since = run.Since.UTC()
	}
	return w
}

// errStopped ends an attempt at a run that has stopped.
var errStopped = errors.New("too many pages in a row were wholly rejected")

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
	if run.Done || run.StoppedAt != nil {
		return progressOf(run), nil
	}
	o, err := s.Systems.open(ctx, row, 0)
	if err != nil {
		return Progress{}, err
	}
	defer o.close()
	if err := s.countBefore(ctx, row, run, o); err != nil {
		return Progress{}, err
	}
	outs, err := s.optOuts(ctx, row.Name, o.writer)
	if err != nil {
		return Progress{}, err
	}
	if err := s.beginAudits(ctx, run, o.writer); err != nil {
		return Progress{}, err
	}
	begun, stored := time.Now(), 0
	limit := cmp.Or(s.MaxDuration, DefaultMaxDuration)
	r := sync.Run{
		Reader: o.reader, Writer: o.writer, Mapping: o.mapping, List: row.ListID,
		ID: fmt.Sprintf("%s/%d", row.Name, run.ID), Window: window(run), Cursor: run.Cursor, Skip: run.Skip,
		Workers: o.settings.WorkerCount,
		Intend:  s.intendOf(o, run),
		Checkpoint: func(ctx context.Context, pages []sync.Checkpoint) error {
			err := s.checkpoint(ctx, run, pages, outs, o)
			if err == nil || errors.Is(err, errStopped) {
				stored++
			}
			return err
		},
		Enough: func() bool { return time.Since(begun) > limit || s.stopping() },
	}
	_, err = r.Do(ctx)
	if errors.Is(err, errStopped) {
		err = nil
	}
	if err != nil && (stored == 0 || ctx.Err() != nil || sync.ClassOf(err) == sync.ClassPermanent) {
		return Progress{}, err
	}
	if stored > 0 {
		if err := s.auditOften(ctx, run, o.writer); err != nil {
			return Progress{}, err
		}
	}
	now, storeErr := s.Store.Run(ctx, run.ID)
	if storeErr != nil {
		return Progress{}, errors.Join(err, storeErr)
	}
	progress := progressOf(now)
	if err != nil {
		progress.Interrupted = text(err)
	}
	return progress, nil
}

// checkpoint stores pages. The error is errStopped if one of them was one too many that is wholly rejected.
func (s *Syncs) checkpoint(
	ctx context.Context, run syncstore.Run, pages []sync.Checkpoint, outs *sync.OptOuts, o *opened,
) error {
	rows, needed := make([]syncstore.Page, len(pages)), o.needsIDs(run.Kind == syncstore.KindFull)
	for i, c := range pages {
		var err error
		if rows[i], err = pageOf(c, outs); err != nil {
			return err
		}
		rows[i].StopAfter = o.settings.MaxRejectedPages
		if !needed {
			rows[i].IDs = nil
		}
	}
	stopped, err := s.Store.Advance(ctx, run, rows)
	if err == nil && stopped {
		err = errStopped
	}
	return err
}

// pageOf returns a page as the store has it, and adds what it says to the opt-outs.
func pageOf(c sync.Checkpoint, outs *sync.OptOuts) (syncstore.Page, error) {
	p := syncstore.Page{
		Cursor: c.Cursor, Done: c.Done, Read: c.Counts.Read, Delivered: c.Counts.Delivered, Rejected: c.Counts.Rejected,
		Skipped: c.Counts.Skipped, Announced: int64(c.Total), Rejects: rejects(c.Rejects),
	}
	known, said := sync.Known{}, map[string]sync.Consent{}
	known.Merge(c.Delivered)
	for _, r := range c.Delivered {
		p.Keys, said[r.Key] = append(p.Keys, r.Key), r.Consent
	}
	var err error
	if p.Consents, err = consents(outs, said); err != nil {
		return p, err
	}
	if p.Changes, err = changesOf(outcomeDelivered, said, c.Rejects); err != nil {
		return p, err
	}
	if len(known) > 0 {
		p.IDs, err = known.Encode()
	}
	return p, err
}

func rejects(all []sync.Reject) []syncstore.NewReject {
	return convert.Slice(all, func(r sync.Reject) syncstore.NewReject {
		return syncstore.NewReject{Key: r.Key, Unidentified: r.Unidentified, Stage: string(r.Stage), Reason: r.Reason}
	})
}
