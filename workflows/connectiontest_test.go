package workflows_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/workflows"
)

func TestConnectionTest(t *testing.T) {
	t.Parallel()
	broken := activities.ConnectionTested{Lines: []string{"reached it"}, Error: "the token is not accepted"}
	for name, tc := range map[string]struct {
		result activities.ConnectionTested
		err    error
	}{
		"works": {result: activities.ConnectionTested{Lines: []string{"credentials accepted"}}},
		// What is wrong with the connection is a result.
		"does not":        {result: broken},
		"fails":           {err: temporal.NewApplicationError("the worker has a fault", "fault")},
		"does not answer": {err: temporal.NewTimeoutError(0, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite := &testsuite.WorkflowTestSuite{}
			suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
			env := suite.NewTestWorkflowEnvironment()
			env.RegisterWorkflowWithOptions(workflows.ConnectionTest, workflow.RegisterOptions{Name: workflows.TypeConnectionTest})
			calls := 0
			env.RegisterActivityWithOptions(
				func(ctx context.Context, ref activities.ConnectionRef) (activities.ConnectionTested, error) {
					calls++
					require.Equal(t, "shop", ref.Connection)
					deadline, ok := ctx.Deadline()
					require.True(t, ok)
					require.LessOrEqual(t, time.Until(deadline), 30*time.Second)
					return tc.result, tc.err
				}, activity.RegisterOptions{Name: workflows.ActivityTestConnection})
			env.ExecuteWorkflow(workflows.TypeConnectionTest, workflows.ConnectionTestInput{Connection: "shop", Kind: "webhook"})
			require.Equal(t, 1, calls, "nothing is tried again")
			if tc.err != nil {
				require.Error(t, env.GetWorkflowError())
				return
			}
			require.NoError(t, env.GetWorkflowError())
			var got activities.ConnectionTested
			require.NoError(t, env.GetWorkflowResult(&got))
			require.Equal(t, tc.result, got)
		})
	}
	require.Equal(t, "connection-test/shop", workflows.ConnectionTestID("shop"))
	require.Equal(t, []string{"ConnectionTest", "test_connection"},
		[]string{workflows.TypeConnectionTest, workflows.ActivityTestConnection})
}
