package starter

import (
	"context"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// inspect compares an import with its workflow, which runs.
func (s *Starter) inspect(
	ctx context.Context, imp store.Import, run *workflowservice.DescribeWorkflowExecutionResponse,
) (Recovery, error) {
	fault, err := taskFault(ctx, s, run)
	if err != nil {
		return Recovery{}, fmt.Errorf("read why a task of import %d fails: %w", imp.ID, err)
	}
	if imp.Status == store.StatusDeleting {
		return Recovery{}, s.Store.NoteWorkflowState(ctx, imp.ID, store.WorkflowState{Fault: fault})
	}
	shown := attributesOf(run)
	behind, err := s.isBehind(ctx, imp, shown)
	if err != nil {
		return Recovery{}, err
	}
	if behind && imp.BehindSince != nil && time.Since(*imp.BehindSince) > behindFor {
		return s.startAgain(ctx, imp.ID, revival{cause: "its workflow was ahead of the store, which was restored"})
	}
	return Recovery{}, s.Store.NoteWorkflowState(ctx, imp.ID, store.WorkflowState{Fault: fault, Behind: behind})
}

// isBehind says whether an import stands where its workflow has been before. Where the
// workflow need not begin again for that, the difference is mended.
func (s *Starter) isBehind(ctx context.Context, imp store.Import, shown shownAttributes) (bool, error) {
	if shown.paused != imp.Paused && shown.phase != "" {
		return false, s.Store.NotePaused(ctx, imp.ID, shown.paused)
	}
	switch {
	case shown.status == store.StatusPending:
		return imp.Status != store.StatusPending, nil
	case shown.status == store.StatusParked:
		parts, err := s.Store.ListParts(ctx, imp.ID)
		for _, part := range parts {
			if part.Status == store.PartParked {
				return false, err
			}
		}
		return err == nil, err
	case shown.phase == store.PhaseLocking:
		queueing, err := s.Store.Queueing(ctx, imp.ID)
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

// failingFrom is from which attempt on a task is told to fail: single ones fail when a worker
// stops.
const failingFrom = 3

// maxFault bounds the text about a failing task, in bytes.
const maxFault = 500

// taskFault says why the task of a running workflow fails; "" if it does not. The workflow
// stands still meanwhile, and goes on by itself once a worker can carry its task out.
func taskFault(
	ctx context.Context, s *Starter, run *workflowservice.DescribeWorkflowExecutionResponse,
) (string, error) {
	task := run.GetPendingWorkflowTask()
	if task.GetAttempt() < failingFrom {
		return "", nil
	}
	text := fmt.Sprintf("its workflow stands still: a task of it fails since %s, in attempt %d",
		task.GetOriginalScheduledTime().AsTime().UTC().Format(time.RFC3339), task.GetAttempt())
	history, err := s.Temporal.WorkflowService().GetWorkflowExecutionHistoryReverse(ctx,
		&workflowservice.GetWorkflowExecutionHistoryReverseRequest{
			Namespace: s.Namespace, Execution: run.GetWorkflowExecutionInfo().GetExecution(), MaximumPageSize: 10,
		})
	if err != nil {
		return "", err
	}
	for _, event := range history.GetHistory().GetEvents() {
		switch event.GetEventType() {
		case enums.EVENT_TYPE_WORKFLOW_TASK_FAILED:
			why := event.GetWorkflowTaskFailedEventAttributes().GetFailure().GetMessage()
			return text + ": " + cutTo(strings.ToValidUTF8(why, "?"), maxFault), nil
		case enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
			return text + ": a worker took it and did not answer", nil
		case enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			return text, nil
		}
	}
	return text, nil
}
