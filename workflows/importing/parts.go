package importing

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// advanceOf returns how far the last attempts came, from the error or, after a
// worker's death, from the last heartbeat; -1 if neither tells.
func advanceOf(err error) int32 {
	var advance importacts.Advance
	var app *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &app) && app.HasDetails():
		if app.Details(&advance) == nil {
			return advance.Chunks
		}
	case errors.As(err, &timeout) && timeout.HasLastHeartbeatDetails():
		if timeout.LastHeartbeatDetails(&advance) == nil {
			return advance.Chunks
		}
	}
	return -1
}

// partRun is a part in this run of the workflow.
type partRun struct {
	importacts.PlannedPart
	status string
	reason string
	result importacts.PartResult
	// reported are the figures of the part's last report while it is not done.
	reported importacts.PartReport
	// parking says that the store is about to know the part as parked, or knows already.
	parking bool
	// decision is the decision about a parked part.
	decision string
	Why      string
}

// What can be decided about a parked part.
const (
	decideRetry = "retry"
	decideSkip  = "skip"
)

// loadParts loads the open parts, as many concurrently as the plan allows. It returns when all are done
// or skipped, when one has failed permanently, or with a ContinueAsNewError.
func (r *importRun) loadParts(ctx workflow.Context) error {
	more := r.take()
	r.describe(ctx)

	// The first part that fails permanently cancels its siblings.
	partsCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	slots := workflow.NewSemaphore(ctx, int64(max(1, r.plan.Parallelism)))
	ended, moved, failed := 0, false, error(nil)
	fail := func(err error) {
		if err != nil && failed == nil {
			failed = err
			cancel()
		}
	}
	for _, part := range r.parts {
		workflow.GoNamed(partsCtx, fmt.Sprintf("part-%d", part.No), func(ctx workflow.Context) {
			fail(r.loadPart(ctx, part, slots, func() { moved = true }))
			ended++
			moved = true
		})
	}
	// All parts are waited for, also after a failure or a cancellation: nothing may
	// still be inserted into what is purged next.
	waitCtx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	for ended < len(r.parts) {
		if err := workflow.Await(waitCtx, func() bool { return moved }); err != nil {
			return err
		}
		moved = false
		r.describe(ctx)
		if failed != nil || !r.awaitsDecisions() {
			continue
		}
		if more || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			// Parked parts must not keep the others waiting; they are taken along.
			return r.continueAsNew(ctx)
		}
		fail(r.park(ctx))
	}
	if failed == nil && more {
		return r.continueAsNew(ctx)
	}
	return failed
}

// take takes on the parts that the plan gives this run. more says that there are
// further ones for the next run.
func (r *importRun) take() (more bool) {
	for _, p := range r.plan.Parts {
		if p.Label == "" {
			p.Label = fmt.Sprintf("part %d", p.No)
		}
		part := &partRun{PlannedPart: p, status: importstore.PartWaiting}
		if p.Parked && !slices.Contains(r.in.Retrying, p.No) {
			part.status, part.reason = importstore.PartParked, "parked before"
		}
		if p.Recorded != nil {
			part.reported.PartResult = *p.Recorded
		}
		r.parts = append(r.parts, part)
	}
	return r.plan.Open > len(r.parts)
}

// loadPart brings a part to an end: done or skipped. A part whose retries are
// exhausted waits, parked, for a decision.
func (r *importRun) loadPart(ctx workflow.Context, part *partRun, slots workflow.Semaphore, moved func()) error {
	if part.status == importstore.PartParked {
		moved()
	}
	for {
		if part.status != importstore.PartParked {
			err := r.loadInSlot(ctx, part, slots, moved)
			if err == nil {
				return nil
			}
			if !r.plan.Park || workflows.IsPermanent(err) {
				return err
			}
			_, part.reason = workflows.Explain(err)
			stopped := importacts.Stopped{PartRef: r.ref(part), Reason: part.reason}
			part.parking = true
			if err := workflows.Execute(workflows.Bookkeeping(ctx, "park "+part.Label), workflows.ActivityParkPart,
				stopped); err != nil {
				return err
			}
			part.status, part.parking = importstore.PartParked, false
			moved()
			if err := r.showParked(ctx); err != nil {
				return err
			}
		}
		if err := workflow.Await(ctx, func() bool { return part.decision != "" }); err != nil {
			return err
		}
		if err := r.enter(ctx, importstore.PhaseLoading); err != nil {
			return err
		}
		if part.decision == decideSkip {
			return r.skip(ctx, part)
		}
		part.status, part.reason, part.decision = importstore.PartWaiting, "", ""
	}
}

// loadInSlot loads a part once a slot is free. Attempts are counted since the last
// progress: as long as the part advances, it is not given up.
func (r *importRun) loadInSlot(ctx workflow.Context, part *partRun, slots workflow.Semaphore, moved func()) error {
	if err := slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer slots.Release(1)
	best := int32(-1)
	for {
		err := r.gate.runAttempts(ctx, r, true, func(ctx workflow.Context) error {
			part.status = importstore.PartRunning
			moved()
			ref := r.ref(part)
			ref.RowsPerSecond, ref.Report = r.share(), r.plan.ReportRule()
			err := workflow.ExecuteActivity(workflows.LoadingPart(ctx, r.in.Importer, part.Label), workflows.ActivityImportData,
				ref).Get(ctx, &part.result)
			if err != nil {
				part.status = importstore.PartWaiting
				moved()
			}
			return err
		})
		if err == nil {
			part.status, r.asOf = importstore.PartDone, workflow.Now(ctx).UTC()
			moved()
			return nil
		}
		advance := advanceOf(err)
		if workflows.IsPermanent(err) || advance <= best || best < 0 && advance == 0 {
			return err
		}
		best = advance
	}
}

// skip leaves a part out.
func (r *importRun) skip(ctx workflow.Context, part *partRun) error {
	stopped := importacts.Stopped{PartRef: r.ref(part), Reason: part.Why}
	if err := workflows.Execute(workflows.Purging(ctx, "skip "+part.Label), workflows.ActivitySkipPart,
		stopped); err != nil {
		return err
	}
	part.status, part.decision = importstore.PartSkipped, ""
	return nil
}

// awaitsDecisions reports whether the import only waits for decisions.
func (r *importRun) awaitsDecisions() bool {
	parked := false
	for _, part := range r.parts {
		switch {
		case part.status == importstore.PartWaiting || part.status == importstore.PartRunning || part.decision != "":
			return false
		case part.status == importstore.PartParked:
			parked = true
		}
	}
	return parked
}

// changeParked is the change since which an import is shown as parked as soon as a part is.
const changeParked = "parked-at-once"

// showParked shows the import as parked, also while other parts are loading.
func (r *importRun) showParked(ctx workflow.Context) error {
	if workflow.GetVersion(ctx, changeParked, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	r.parkedAtOnce = true
	return r.enter(ctx, importstore.PhaseLoading)
}

// hasParked says whether a part is parked and not decided about.
func (r *importRun) hasParked() bool {
	return slices.ContainsFunc(r.parts, func(p *partRun) bool {
		return p.status == importstore.PartParked && p.decision == ""
	})
}

// park notes that the import waits for decisions.
func (r *importRun) park(ctx workflow.Context) error {
	if err := workflow.UpsertTypedSearchAttributes(ctx,
		workflows.AttributeStatus.ValueSet(importstore.StatusParked)); err != nil {
		return fmt.Errorf("set search attributes: %w", err)
	}
	return workflows.Execute(workflows.Bookkeeping(ctx, "wait for decisions"), workflows.ActivityPark, r.self())
}

func (r *importRun) ref(part *partRun) importacts.PartRef {
	return importacts.PartRef{ImportID: r.in.ImportID, Part: part.No, FencingToken: r.fencingToken}
}

// share is how many rows a second each of the parts that are loaded at once may load.
func (r *importRun) share() int64 {
	if r.plan.RowsPerSecond <= 0 {
		return 0
	}
	return max(1, r.plan.RowsPerSecond/int64(max(1, min(r.plan.Parallelism, r.plan.Open))))
}
