package syncing

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/workflows"
)

// cycle carries out one run of the sync.
func (r *syncRun) cycle(ctx workflow.Context) error {
	wanted, by, find := r.wanted, r.by, r.find
	r.wanted, r.by, r.find, r.active = false, "", nil, true
	defer r.leave()
	var begun syncacts.Begun
	request := syncacts.BeginRequest{Sync: r.in.Sync, RequestedBy: by, Continue: r.proceed, Find: find}
	err := r.run(ctx, workflows.ActivityBeginSync, "begin a run", request, &begun)
	switch {
	case r.ended(err):
		return nil
	case r.pausing || temporal.IsCanceledError(err):
		return ctx.Err()
	case err != nil:
		r.failed(err)
		return ctx.Err()
	case begun.Paused:
		r.state.Phase = PhasePaused
		return nil
	}
	if begun.Find != nil {
		// A run of the list that is due follows the search.
		r.wanted, r.by = r.wanted || wanted, by
		return r.search(ctx, begun)
	}
	r.proceed = false
	s := &r.state
	s.Phase, s.RunID, s.Full, s.Until, s.Progress = PhaseReading, begun.RunID, begun.Full, begun.Until, syncacts.Progress{}
	s.Counted = syncacts.Counted{}
	if begun.Stopped != "" {
		s.Phase, s.LastError = PhaseStopped, begun.Stopped
		return nil
	}
	if r.find == nil {
		// The run of the list that was under way comes first.
		r.find = find
	}
	err = r.deliver(ctx)
	switch stopped := s.Progress.Stopped; {
	case r.ended(err), r.pausing, ctx.Err() != nil:
		// A run that is paused stays as it is: a resume continues it.
		return ctx.Err()
	case err == nil && stopped != "":
		s.Phase, s.LastError = PhaseStopped, stopped
		return nil
	}
	return r.end(ctx, err)
}

// search searches a page for records that the target rejected later, as a run of its own.
func (r *syncRun) search(ctx workflow.Context, begun syncacts.Begun) error {
	s := &r.state
	s.Phase, s.RunID, s.Full, s.Progress = PhaseSearching, begun.RunID, false, syncacts.Progress{}
	r.describe(ctx)
	ref := syncacts.RunRef{Sync: r.in.Sync, RunID: begun.RunID}
	err := r.run(ctx, workflows.ActivityFindSync, "search page "+begun.Find.String(), ref, &s.Progress)
	if r.ended(err) || r.pausing || ctx.Err() != nil {
		return ctx.Err()
	}
	_, err = r.conclude(ctx, err)
	return err
}

// ended reports whether the sync does not exist any more.
func (r *syncRun) ended(err error) bool {
	r.gone = r.gone || workflows.IsType(err, syncacts.TypeGone)
	return r.gone
}

// leave ends a cycle.
func (r *syncRun) leave() {
	if r.pausing {
		r.state.Phase = PhasePaused
	}
	r.active, r.pausing = false, false
}

// interruptedWait is the pause after an interruption of an attempt that has made progress.
const interruptedWait = 5 * time.Second

// deliver delivers all pages, retries rejected records and scans for deletions.
func (r *syncRun) deliver(ctx workflow.Context) error {
	ref := syncacts.RunRef{Sync: r.in.Sync, RunID: r.state.RunID}
	for !r.state.Progress.Done {
		var now syncacts.Progress
		summary := fmt.Sprintf("deliver pages after %d records", r.state.Progress.Read)
		if err := r.run(ctx, workflows.ActivitySyncPages, summary, ref, &now); err != nil {
			return err
		}
		r.state.Progress = now
		r.describe(ctx)
		if now.Interrupted != "" && !r.pausing {
			if err := workflow.Sleep(ctx, interruptedWait); err != nil {
				return err
			}
		}
		if r.pausing || now.Stopped != "" {
			return nil
		}
	}
	if err := r.count(ctx, ref); err != nil {
		return err
	}
	for more := true; more; {
		var retried syncacts.Retried
		if err := r.run(ctx, workflows.ActivityRetrySync, "retry rejected records", ref, &retried); err != nil {
			return err
		}
		more = retried.More && !r.pausing
	}
	r.state.Phase = PhaseScanning
	r.describe(ctx)
	var scanned syncacts.Scanned
	if err := r.run(ctx, workflows.ActivityScanSync, "scan for permanent deletions", ref, &scanned); err != nil {
		return err
	}
	if !scanned.Skipped {
		r.state.Scan = scanned
	}
	return nil
}

// count compares a full load with the counts of the source.
func (r *syncRun) count(ctx workflow.Context, ref syncacts.RunRef) error {
	if !r.state.Full {
		return nil
	}
	r.state.Phase = PhaseCounting
	r.describe(ctx)
	var counted syncacts.Counted
	if err := r.run(ctx, workflows.ActivityCountSync, "compare with the counts of the source", ref, &counted); err != nil {
		return err
	}
	r.state.Counted = counted
	return nil
}

// end ends a run of the list and records how it went.
func (r *syncRun) end(ctx workflow.Context, fault error) error {
	succeeded, err := r.conclude(ctx, fault)
	if err != nil || !succeeded {
		return err
	}
	if r.state.Progress.Delivered > 0 {
		r.unaudited = r.state.RunID
	}
	r.state.CurrentTo, r.state.Succeeded = r.state.Until, workflow.Now(ctx).UTC().Truncate(time.Second)
	r.state.Failures, r.state.LastError = 0, ""
	return nil
}

// conclude ends a run.
func (r *syncRun) conclude(ctx workflow.Context, fault error) (succeeded bool, err error) {
	request := syncacts.EndRequest{RunID: r.state.RunID}
	if r.state.Full {
		request.SourceCount = r.state.Counted.SourceCount
	}
	if fault != nil {
		request.Class, request.Error = explain(fault)
	}
	var ended syncacts.Progress
	ending := workflows.Bookkeeping(ctx, "end the run")
	if err := workflow.ExecuteActivity(ending, workflows.ActivityEndSync, request).Get(ctx, &ended); err != nil {
		if r.ended(err) {
			return false, nil
		}
		return false, err
	}
	r.state.Phase, r.state.Progress = PhaseIdle, ended
	switch {
	case fault != nil:
		r.failed(fault)
		return false, nil
	case ended.Failed != "":
		r.state.Failures, r.state.LastError = r.state.Failures+1, ended.Failed
		return false, nil
	}
	return true, nil
}

// failed notes a failure: the next cycle begins again.
func (r *syncRun) failed(fault error) {
	r.state.Phase = PhaseIdle
	r.state.Failures++
	_, r.state.LastError = explain(fault)
}

// run runs an activity that the command pause interrupts.
func (r *syncRun) run(ctx workflow.Context, activity, summary string, in, out any) error {
	if r.pausing {
		return temporal.NewCanceledError()
	}
	running, cancel := workflow.WithCancel(ctx)
	defer cancel()
	r.interrupt = cancel
	defer func() { r.interrupt = nil }()
	running = workflows.Syncing(running, r.in.From, r.in.To, summary)
	if r.in.Once {
		running = workflow.WithTaskQueue(running, workflow.GetInfo(ctx).TaskQueueName)
	}
	return workflow.ExecuteActivity(running, activity, in).Get(ctx, out)
}
