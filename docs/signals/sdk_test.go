package signals

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/workflows"
)

// pause pauses an import. A refused update returns an error with the reason.
func pause(ctx context.Context, c client.Client, workflowID string) error {
	handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: "pause", WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{map[string]any{"by": "billing", "reason": "month end", "key": "month-end-2026-01"}},
	})
	if err != nil {
		return fmt.Errorf("pause %s: %w", workflowID, err)
	}
	return handle.Get(ctx, nil)
}

// resume sends the signal and does not wait for a result.
func resume(ctx context.Context, c client.Client, workflowID string) error {
	return c.SignalWorkflow(ctx, workflowID, "", "resume", map[string]any{"by": "billing"})
}

// The client of the page pauses an import, is refused what makes no sense, and lets it go
// on.
func TestSDK(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	imp := s.prepare(t, workflows.CommandPause)
	require.NoError(t, pause(ctx, s.Temporal, imp.WorkflowID))
	s.requireDone(t, imp.ID, workflows.CommandPause, command{By: "billing"})
	require.NoError(t, pause(ctx, s.Temporal, imp.WorkflowID), "the same key: the same command")

	_, err := temporalCLI(ctx, s.Temporal, []string{
		"workflow", "update", "execute", "--workflow-id", imp.WorkflowID, "--name", "pause", "--input", `{"by": "ann"}`,
	})
	var refused *temporal.ApplicationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, fmt.Sprintf("import %d is paused already", imp.ID), refused.Message())

	require.NoError(t, resume(ctx, s.Temporal, imp.WorkflowID))
	s.requireDone(t, imp.ID, workflows.CommandResume, command{By: "billing"})
}
