package starter

import (
	"context"
	"errors"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/workflows"
)

// ErrNoAnswer means that no worker has carried something out in time.
var ErrNoAnswer = errors.New("no worker has answered in time")

// TestConnection tests a connection on a worker that has its kind and waits for the result, at
// most workflows.ConnectionTestTimeout. Where a test of the connection is under way already
// its result is returned. What is wrong with the connection is in the result; the error
// is ErrNoAnswer if no such worker was there or the test did not end.
func (s *Starter) TestConnection(ctx context.Context, name, kind string) (activities.ConnectionTested, error) {
	run, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       workflows.ConnectionTestID(name),
		TaskQueue:                workflows.QueueMain,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionTimeout: workflows.ConnectionTestTimeout,
		StaticSummary:            "test connection " + name,
	}, workflows.TypeConnectionTest, workflows.ConnectionTestInput{Connection: name, Kind: kind})
	if err != nil {
		return activities.ConnectionTested{}, fmt.Errorf("start the test of connection %s: %w", name, err)
	}
	var tested activities.ConnectionTested
	err = run.Get(ctx, &tested)
	if _, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		return activities.ConnectionTested{}, fmt.Errorf("test connection %s: %w", name, ErrNoAnswer)
	}
	if err != nil {
		return activities.ConnectionTested{}, fmt.Errorf("test connection %s: %w", name, err)
	}
	return tested, nil
}
