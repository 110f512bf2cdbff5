package activities_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
)

// A command that came through Temporal is recorded once with its sender, whatever is repeated, and after an outage.
func TestRecordCommand(t *testing.T) {
	t.Parallel()
	s, sql := enginetest.OpenStore(t)
	o := enginetest.NewStoreOutage(t, sql.Config().ConnString())
	through, err := store.Open(t.Context(), store.Config{DSN: o.DSN})
	require.NoError(t, err)
	t.Cleanup(through.Close)
	record := func(s *store.Store, command activities.CommandRecord) error {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
		env := suite.NewTestWorkflowEnvironment()
		env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "import/a.example/en/17"})
		audits := &activities.Audits{Store: s}
		env.RegisterActivity(audits.RecordCommand)
		env.ExecuteWorkflow(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
				StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
			})
			return workflow.ExecuteActivity(ctx, audits.RecordCommand, command).Get(ctx, nil)
		})
		return env.GetWorkflowError()
	}
	command := activities.CommandRecord{Name: "pause", By: " ", Argument: map[string]any{"reason": "night"}}
	o.Meet(t, func() error { return record(through, command) }, func(n int, err error) {
		var app *temporal.ApplicationError
		require.ErrorAsf(t, err, &app, "outage at request %d", n)
		require.Equal(t, activities.TypeTransient, app.Type())
	})
	require.NoError(t, record(s, command))
	var entries, unnamed int
	var after string
	require.NoError(t, sql.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE who = 'unknown' AND kind = 'system'
		AND door = 'temporal' AND operation = 'import.pause' AND subject_id = '17' AND site = 'a.example/en'), min(after::text) FROM audit`).Scan(&entries, &unnamed, &after))
	require.Equal(t, []int{1, 1}, []int{entries, unnamed})
	require.JSONEq(t, `{"reason": "night"}`, after)
}
