package importing

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/internal/loading"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Loading loads the parts of imports.
type Loading struct {
	Kit
	Warehouse *warehouse.Warehouse
	Locks     *Locks
	// Observer, if set, receives every loaded chunk.
	Observer Observer
	// Report, if set, sends a PartReport to the workflow of the activity whose context it is
	// called with.
	Report func(context.Context, PartReport) error
	// Slots bounds how many parts are loaded at once: each has an element while it is. Defaults to
	// no bound.
	Slots chan struct{}
}

// Observer watches the loading, for metrics.
type Observer interface {
	// Loaded reports loaded and rejected rows.
	Loaded(source, table string, rows, rejected int64)
}

// Advance is the progress of a part. Heartbeats and errors carry it: a workflow compares it to
// detect progress of an attempt. The checkpoint is in the store.
type Advance struct {
	Chunks int32 `json:"chunks"`
	// From is where the first attempt of the same activity began.
	From int32 `json:"from,omitempty"`
}

// PartResult is what a part has brought in: RowsRead is the sum of the others.
type PartResult struct {
	RowsRead       int64 `json:"rows_read"`
	RowsLoaded     int64 `json:"rows_loaded"`
	RowsRejected   int64 `json:"rows_rejected"`
	RowsOutOfRange int64 `json:"rows_out_of_range"`
	RowsLeftOut    int64 `json:"rows_left_out"`
}

// ImportData loads one part, from where the last attempt stood to its end.
func (l *Loading) ImportData(ctx context.Context, ref PartRef) (PartResult, error) {
	free, err := l.slot(ctx)
	if err != nil {
		return PartResult{}, activities.Failure(err)
	}
	defer free()
	s, err := l.enter(ctx, ImportRef{ImportID: ref.ImportID, FencingToken: ref.FencingToken}, importstore.PhaseLoading)
	if err != nil {
		return PartResult{}, activities.Failure(err)
	}
	part, open, err := l.Store.ClaimPart(ctx, ref.ImportID, ref.Part, ref.FencingToken)
	if err != nil {
		return PartResult{}, activities.Failure(err)
	}
	if !open {
		return recordedOf(part), nil
	}
	from := startOf(ctx, part.NextChunk)
	if err := beginAnew(ctx, from, part.NextChunk); err != nil {
		return PartResult{}, err
	}
	ctx, stop := activities.UntilStop(ctx)
	defer stop()
	beat := startHeartbeat(ctx, Advance{Chunks: part.NextChunk, From: from})
	defer beat.stop()
	reports := l.startReports(ctx, part, ref.Report)
	defer reports.stop()

	last := loading.Progress{RowsLoaded: part.RowsLoaded, RowsRejected: part.RowsRejected}
	job := l.job(s, part)
	job.LockToken, job.RowsPerSecond = ref.FencingToken, ref.RowsPerSecond
	job.Advanced = func(p loading.Progress) {
		beat.chunks.Store(p.Chunks)
		if l.Observer != nil {
			l.Observer.Loaded(s.importer.Name(), part.TableName, p.RowsLoaded-last.RowsLoaded, p.RowsRejected-last.RowsRejected)
		}
		last = p
		reports.advanced(p)
	}
	progress, err := l.loader().Load(ctx, job)
	if err != nil {
		return PartResult{}, activities.Failure(activities.Cause(ctx, err), Advance{Chunks: progress.Chunks, From: from})
	}
	return resultOf(progress), nil
}

// Add adds the figures of another part.
func (p *PartResult) Add(other PartResult) {
	p.RowsRead += other.RowsRead
	p.RowsLoaded += other.RowsLoaded
	p.RowsRejected += other.RowsRejected
	p.RowsOutOfRange += other.RowsOutOfRange
	p.RowsLeftOut += other.RowsLeftOut
}

func resultOf(p loading.Progress) PartResult {
	return PartResult{
		RowsRead: p.RowsRead, RowsLoaded: p.RowsLoaded, RowsRejected: p.RowsRejected, RowsOutOfRange: p.RowsOutOfRange,
		RowsLeftOut: p.RowsLeftOut,
	}
}

func (l *Loading) loader() loading.Loader {
	return loading.Loader{Store: l.Store, Warehouse: l.Warehouse}
}

func (l *Loading) job(s subject, part importstore.Part) loading.Job {
	s.imp.Window = part.FreeDays
	warn := func(ctx context.Context, message string) error { return s.imp.Feedback.Warn(ctx, message) }
	return loading.Job{
		Importer: s.importer, Import: s.imp, Part: part, Generation: uint32(s.stored.Generation), Warn: warn,
		Rejects: loading.RejectLimit{
			Count: s.stored.MaxRejects, Share: s.stored.MaxRejectShare, Ceiling: s.stored.MaxRejectCeiling,
		},
	}
}

// PartKey names a part in the warehouse.
func PartKey(imp importstore.Import, no int32) warehouse.PartKey {
	return warehouse.PartKey{SiteID: uint64(imp.SiteID), ImportID: uint64(imp.ID), Part: uint32(no)}
}

// Stopped says why a part stopped.
type Stopped struct {
	PartRef
	// Reason is the error that stopped it.
	Reason string `json:"reason"`
}

// ParkPart notes that a part waits for a decision.
func (l *Loading) ParkPart(ctx context.Context, p Stopped) error {
	part, err := l.Store.ParkPart(ctx, p.ImportID, p.Part, p.Reason)
	if err != nil {
		return activities.Failure(err)
	}
	log := l.feedback(ctx, p.ImportID)
	return activities.Failure(log.Warn(ctx,
		fmt.Sprintf("Part %d, %s, is parked: %s. Retry it, skip it or cancel the import.",
			p.Part, part.Label, p.Reason)))
}

// Park notes that an import waits for decisions about its parked parts.
func (l *Loading) Park(ctx context.Context, ref ImportRef) error {
	return activities.Failure(l.Store.EnterPhase(ctx, ref.ImportID, importstore.Entry{
		Run: runOf(ctx), FencingToken: ref.FencingToken, Status: importstore.StatusParked, Phase: importstore.PhaseLoading,
	}))
}

// SkipPart leaves a part out of the import: whatever it had brought in is purged.
func (l *Loading) SkipPart(ctx context.Context, p Stopped) error {
	s, err := l.read(ctx, p.ImportID)
	if err != nil {
		return activities.Failure(err)
	}
	part, err := l.Store.SkipPart(ctx, p.ImportID, p.Part)
	if err != nil {
		return activities.Failure(err)
	}
	table, err := schema.Lookup(part.TableName)
	if err != nil {
		return activities.Failure(err)
	}
	if err := l.Warehouse.PurgePart(ctx, table, PartKey(s.stored, p.Part)); err != nil {
		return activities.Failure(err)
	}
	log := l.feedback(ctx, p.ImportID)
	return activities.Failure(log.Warn(ctx, fmt.Sprintf("Part %d, %s, was skipped: %s", p.Part, part.Label, p.Reason)))
}

// heartbeat tells the server that an attempt lives, from the side, because a
// single insert may take longer than the heartbeat timeout. Every operation of
// the attempt has a timeout of its own, so that it cannot hang behind the
// heartbeats.
type heartbeat struct {
	from   int32
	chunks atomic.Int32
	quit   chan struct{}
	done   chan struct{}
}

func startHeartbeat(ctx context.Context, now Advance) *heartbeat {
	h := &heartbeat{from: now.From, quit: make(chan struct{}), done: make(chan struct{})}
	h.chunks.Store(now.Chunks)
	go func() {
		defer close(h.done)
		ticker := time.NewTicker(activities.HeartbeatInterval(ctx))
		defer ticker.Stop()
		for {
			activity.RecordHeartbeat(ctx, Advance{Chunks: h.chunks.Load(), From: h.from})
			select {
			case <-ticker.C:
			case <-h.quit:
				return
			}
		}
	}()
	return h
}

func (h *heartbeat) stop() {
	close(h.quit)
	<-h.done
}
