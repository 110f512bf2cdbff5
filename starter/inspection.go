package starter

import (
	"context"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/sluicehq/sluice/starter/internal/call"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// inspect compares an import with its workflow, which runs.
func (s *Starter) inspect(
	ctx context.Context, imp importstore.Import, run *workflowservice.DescribeWorkflowExecutionResponse,
) (Recovery, error) {
	fault, err := call.TaskFault(ctx, s.Temporal, run)
	if err != nil {
		return Recovery{}, fmt.Errorf("read why a task of import %d fails: %w", imp.ID, err)
	}
	if imp.Status == importstore.StatusDeleting || importstore.Ended(imp.Status) {
		return Recovery{}, s.Store.Imports.NoteWorkflowState(ctx, imp.ID, importstore.WorkflowState{Fault: fault})
	}
	shown := attributesOf(run)
	behind, err := s.isBehind(ctx, imp, shown)
	if err != nil {
		return Recovery{}, err
	}
	if behind && imp.BehindSince != nil && time.Since(*imp.BehindSince) > behindFor {
		return s.startAgain(ctx, imp.ID, revival{cause: "its workflow was ahead of the store, which was restored"})
	}
	return Recovery{}, s.Store.Imports.NoteWorkflowState(ctx, imp.ID, importstore.WorkflowState{
		Fault: fault, Behind: behind,
	})
}

// isBehind reports whether an import in the store is at an earlier step than its workflow. A
// difference that requires no new run is repaired.
func (s *Starter) isBehind(ctx context.Context, imp importstore.Import, shown shownAttributes) (bool, error) {
	if shown.paused != imp.Paused && shown.phase != "" {
		return false, s.Store.Imports.NotePaused(ctx, imp.ID, shown.paused)
	}
	switch {
	case shown.status == importstore.StatusInReview:
		return imp.Status != importstore.StatusInReview, nil
	case shown.status == importstore.StatusParked:
		parts, err := s.Store.Imports.ListParts(ctx, imp.ID)
		for _, part := range parts {
			if part.Status == importstore.PartParked {
				return false, err
			}
		}
		return err == nil, err
	case shown.phase == importstore.PhaseLocking:
		queueing, err := s.Store.Imports.Queueing(ctx, imp.ID)
		if err != nil || queueing {
			return false, err
		}
		// It asks again, and so gets its place in the queue back.
		return false, s.Temporal.SignalWorkflow(ctx, imp.WorkflowID, "", workflows.SignalLockGranted, nil)
	default:
		return false, nil
	}
}

// shownAttributes are the search attributes of an import's workflow.
type shownAttributes struct {
	status, phase string
	paused        bool
}

func attributesOf(run *workflowservice.DescribeWorkflowExecutionResponse) (shown shownAttributes) {
	fields := run.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()
	decode(fields[workflows.AttributeStatus.GetName()], &shown.status)
	decode(fields[workflows.AttributePhase.GetName()], &shown.phase)
	decode(fields[workflows.AttributePaused.GetName()], &shown.paused)
	return shown
}

// decode reads a payload; one that is missing or of another kind leaves into as it is.
func decode(payload *commonpb.Payload, into any) {
	if payload == nil {
		return
	}
	_ = converter.GetDefaultDataConverter().FromPayload(payload, into) //nolint:errcheck // see above
}
