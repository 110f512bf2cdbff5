package ingesting_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	ingestacts "github.com/sluicehq/sluice/activities/ingesting"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/ingesting"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// The rotation is retried until it succeeds.
func TestSaltRotation(t *testing.T) {
	t.Parallel()
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	workflowtest.RequireHeartbeats(t, env)
	env.RegisterWorkflowWithOptions(ingesting.SaltRotation, workflow.RegisterOptions{Name: workflows.TypeSaltRotation})
	attempts := 0
	env.RegisterActivityWithOptions(func(context.Context) (ingestacts.Rotation, error) {
		attempts++
		if attempts < 6 {
			return ingestacts.Rotation{}, errors.New("no key set")
		}
		return ingestacts.Rotation{Today: 20_000, Deleted: 1}, nil
	}, activity.RegisterOptions{Name: workflows.ActivityRotateSalts})
	env.ExecuteWorkflow(workflows.TypeSaltRotation)
	require.NoError(t, env.GetWorkflowError())
	var done ingestacts.Rotation
	require.NoError(t, env.GetWorkflowResult(&done))
	require.Equal(t, ingestacts.Rotation{Today: 20_000, Deleted: 1}, done)
	require.Equal(t, 6, attempts)
}
