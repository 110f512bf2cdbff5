package signals

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/workflows"
)

// payload encodes the argument of a command as all SDKs do.
func payload(argument any) (*commonpb.Payloads, error) {
	data, err := json.Marshal(argument)
	return &commonpb.Payloads{Payloads: []*commonpb.Payload{{
		Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: data,
	}}}, err
}

// update sends a command and waits for its outcome. The server accepts each id, a UUID,
// once.
func update(
	ctx context.Context, temporal workflowservice.WorkflowServiceClient, namespace, workflowID, id, name string, argument any,
) error {
	args, err := payload(argument)
	if err != nil {
		return err
	}
	request := &workflowservice.UpdateWorkflowExecutionRequest{
		Namespace:         namespace,
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflowID},
		WaitPolicy:        &updatepb.WaitPolicy{LifecycleStage: enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED},
		Request:           &updatepb.Request{Meta: &updatepb.Meta{UpdateId: id}, Input: &updatepb.Input{Name: name, Args: args}},
	}
	for {
		answer, err := temporal.UpdateWorkflowExecution(ctx, request)
		switch {
		case err != nil:
			return err
		case answer.GetOutcome().GetFailure() != nil:
			return errors.New(answer.GetOutcome().GetFailure().GetMessage())
		case answer.GetOutcome() != nil:
			return nil
		}
		// The server's long poll has ended: repeat the request with the same ID.
	}
}

// signal sends a command and does not wait for its outcome.
func signal(
	ctx context.Context, temporal workflowservice.WorkflowServiceClient, namespace, workflowID, id, name string, argument any,
) error {
	input, err := payload(argument)
	if err != nil {
		return err
	}
	_, err = temporal.SignalWorkflowExecution(ctx, &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflowID},
		SignalName: name, Input: input, RequestId: id,
	})
	return err
}

// The plain gRPC of the page gives commands, twice under the same ID, and is refused.
func TestGRPC(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	service := s.Temporal.WorkflowService()
	imp := s.prepare(t, workflows.CommandSkipPart)
	skip := map[string]any{"part": 1, "by": "ann", "reason": "not needed"}
	for range 2 {
		require.NoError(t, update(ctx, service, s.Namespace(), imp.WorkflowID, "4ea6f07a-skip", "skip_part", skip))
	}
	s.requireDone(t, imp.ID, workflows.CommandSkipPart, command{Part: 1, Reason: "not needed"})
	err := update(ctx, service, s.Namespace(), imp.WorkflowID, "8c5b93e1-skip", "skip_part", skip)
	// The store may know that it is skipped a moment before the workflow does.
	require.Error(t, err)
	require.Regexp(t, "part 1 (is skipped: only a parked part can be retried or skipped|already has the decision skip)", err)

	require.NoError(t, signal(ctx, service, s.Namespace(), imp.WorkflowID, "0d0f7e55", "cancel", map[string]any{"by": "ann"}))
	s.requireDone(t, imp.ID, workflows.CommandCancel, command{})
}
