package starter

import (
	"context"
	"fmt"
	"strings"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/inbound"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// serverIdentity is who terminates a workflow whose history has reached a limit of the
// server.
const serverIdentity = "history-service"

// maxTerminationReason is the length limit of a reason of a termination, in bytes of JSON.
const maxTerminationReason = 500

// closeCause says why a run was closed although its import has not ended, and how the import
// is to end if a person has closed it; end is nil if the import continues.
func (s *Starter) closeCause(
	ctx context.Context, run *workflowpb.WorkflowExecutionInfo,
) (cause string, end *importstore.End, err error) {
	switch run.GetStatus() {
	case enums.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return "its workflow was cancelled", endBy(importers.ClassCancelled, "cancelled"), nil
	case enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return "its workflow has timed out", nil, nil
	case enums.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		closed, err := s.closeEvent(ctx, run)
		if err != nil {
			return "", nil, err
		}
		by := closed.GetWorkflowExecutionTerminatedEventAttributes()
		cause = "its workflow was terminated"
		if reason := inbound.Cut(by.GetReason(), maxTerminationReason); reason != "" {
			cause += ": " + reason
		}
		if by.GetIdentity() == serverIdentity {
			return "by the server, " + cause, nil, nil
		}
		return cause, endBy(importers.ClassInternal, cause), nil
	default:
		return fmt.Sprintf("its workflow has ended as %s, the import has not",
			strings.ToLower(run.GetStatus().String())), nil, nil
	}
}

// closeEvent returns the last event of a run.
func (s *Starter) closeEvent(
	ctx context.Context, run *workflowpb.WorkflowExecutionInfo,
) (*historypb.HistoryEvent, error) {
	events := s.Temporal.GetWorkflowHistory(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), false,
		enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	if !events.HasNext() {
		return nil, fmt.Errorf("run %s has no last event", run.GetExecution().GetRunId())
	}
	return events.Next()
}
