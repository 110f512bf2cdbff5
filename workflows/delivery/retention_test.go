package delivery_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/delivery"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// retention runs the workflow with an activity that does what purge says.
func retention(
	t *testing.T, in delivery.RetentionInput, purge func(deliveryacts.PurgeRequest) (deliveryacts.PurgeProgress, error),
) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(time.Date(2026, time.March, 31, 3, 0, 0, 500, time.UTC))
	workflowtest.RequireHeartbeats(t, env)
	env.RegisterWorkflowWithOptions(delivery.Retention, workflow.RegisterOptions{Name: workflows.TypeRetention})
	env.RegisterActivityWithOptions(func(_ context.Context, r deliveryacts.PurgeRequest) (deliveryacts.PurgeProgress, error) {
		return purge(r)
	}, activity.RegisterOptions{Name: workflows.ActivityPurgeEvents})
	env.ExecuteWorkflow(workflows.TypeRetention, in)
	return env
}

var dayRule = delivery.RetentionInput{
	Rule: deliveryacts.RetentionRule{KeepSeconds: 24 * 3600, States: []string{"succeeded"}, Sources: []string{"shop"}},
	Cron: "@daily",
}

func TestRetention(t *testing.T) {
	t.Parallel()
	var asked []deliveryacts.PurgeRequest
	env := retention(t, dayRule, func(r deliveryacts.PurgeRequest) (deliveryacts.PurgeProgress, error) {
		asked = append(asked, r)
		if len(asked) == 2 {
			return deliveryacts.PurgeProgress{}, errors.New("the store is away")
		}
		r.Progress.Events += 10
		r.Progress.After.ID = string(rune('a' + len(asked)))
		r.Progress.Done = len(asked) == 4
		return r.Progress, nil
	})
	require.NoError(t, env.GetWorkflowError())
	var end deliveryacts.PurgeProgress
	require.NoError(t, env.GetWorkflowResult(&end))
	require.EqualValues(t, 30, end.Events)
	require.Len(t, asked, 4)
	for i, after := range []string{"", "b", "b", "d"} {
		require.Equal(t, dayRule.Rule, asked[i].Rule)
		require.Equal(t, time.Date(2026, time.March, 30, 3, 0, 0, 0, time.UTC), asked[i].Progress.Before)
		require.Equal(t, after, asked[i].Progress.After.ID)
	}
}

// A long purge continues in another run, with the same bound and the figures so far.
func TestRetentionContinuesAsNew(t *testing.T) {
	t.Parallel()
	step := func(r deliveryacts.PurgeRequest) (deliveryacts.PurgeProgress, error) {
		r.Progress.Events++
		r.Progress.Done = r.Progress.Events == 150
		return r.Progress, nil
	}
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, retention(t, dayRule, step).GetWorkflowError(), &again)
	var in delivery.RetentionInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	require.EqualValues(t, 100, in.Progress.Events)
	in.Rule.KeepSeconds = 1 // It has begun with another bound, and keeps to it.
	env := retention(t, in, step)
	require.NoError(t, env.GetWorkflowError())
	var end deliveryacts.PurgeProgress
	require.NoError(t, env.GetWorkflowResult(&end))
	require.EqualValues(t, 150, end.Events)
	require.Equal(t, in.Progress.Before, end.Before)
}

func TestRetentionFails(t *testing.T) {
	t.Parallel()
	calls := 0
	env := retention(t, dayRule, func(deliveryacts.PurgeRequest) (deliveryacts.PurgeProgress, error) {
		calls++
		return deliveryacts.PurgeProgress{}, errors.New("the store is away")
	})
	require.ErrorContains(t, env.GetWorkflowError(), "the store is away")
	require.Equal(t, 10, calls, "the next run of the schedule tries again")
}
