package starter_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// Errors that prevent an import prevent its dry run.
func TestDryRunRefuses(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.Settings.Limits.ImportsPerSite = 1
	s.Starter.Limits = s.Settings.Limits
	s.Start(t, request(`{}`))
	for name, tc := range map[string]struct {
		request starter.Request
		want    string
	}{
		"site":      {starter.Request{Site: "missing.example", Source: "noop"}, "site missing.example: not found: add it with `sluice site add missing.example`"},
		"arguments": {request(`[]`), "arguments of noop: the arguments are not a JSON object"},
		"limit":     {request(`{}`), "site example.com: the site has 1 imports, and may have 1: limit reached"},
	} {
		_, dry := s.Starter.DryRun(enginetest.Context(t), tc.request)
		require.EqualError(t, dry, tc.want, name)
		_, actual := s.Starter.StartImport(enginetest.Context(t), tc.request)
		require.EqualError(t, actual, tc.want, name)
	}
	_, err := s.Starter.DryRun(enginetest.Context(t), request(`{}`))
	require.ErrorIs(t, err, store.ErrLimit)
}

// A dry run creates no import; without a waiting caller it is cancelled.
func TestDryRunLeavesNothing(t *testing.T) {
	t.Parallel()
	s := setup(t)
	waiting, stop := context.WithCancel(enginetest.Context(t))
	asked := make(chan error, 1)
	go func() {
		_, err := s.Starter.DryRun(waiting, request(`{"rows": 3}`))
		asked <- err
	}()
	polltest.Eventually(t, func() bool { return s.FindWorkflow(t, workflows.TypeDryRun) != "" }, 30*time.Second, 50*time.Millisecond)
	stop()
	require.ErrorIs(t, <-asked, context.Canceled)
	s.StartWorker(t)
	id := s.FindWorkflow(t, workflows.TypeDryRun)
	require.Error(t, s.Temporal.GetWorkflow(enginetest.Context(t), id, "").Get(enginetest.Context(t), nil))
	now, err := s.Temporal.DescribeWorkflowExecution(enginetest.Context(t), id, "")
	require.NoError(t, err)
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_CANCELED, now.GetWorkflowExecutionInfo().GetStatus())

	report, err := s.Starter.DryRun(enginetest.Context(t), request(`{"rows": 3}`))
	require.NoError(t, err)
	require.EqualValues(t, 3, *report.EstimatedRows)
	all, err := s.Store.Imports.Summaries(enginetest.Context(t), importstore.Listing{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, all)
}
