package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// attributes returns the search attributes of Sluice that a run has.
func (s *system) attributes(workflowID, runID string) map[string]any {
	s.t.Helper()
	about, err := s.Temporal.DescribeWorkflowExecution(enginetest.Context(s.t), workflowID, runID)
	require.NoError(s.t, err)
	values := map[string]any{}
	for name, payload := range about.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields() {
		var value any
		require.NoError(s.t, converter.GetDefaultDataConverter().FromPayload(payload, &value))
		if value != nil && len(name) > 6 && name[:6] == "Sluice" {
			values[name] = value
		}
	}
	return values
}

// The Web UI and the command line tell the same.
func TestSearchAttributesAgreeWithTheStore(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.StartWorker(t)
	for name, tc := range map[string]struct{ args, status, class string }{
		"completed":    {`{"rows": 120, "parts": 2, "bad_rows": 3}`, importstore.StatusCompleted, ""},
		"bad-input":    {`{"rows": 120, "fail": "plan", "permanent": true}`, importstore.StatusFailed, "bad_input"},
		"source":       {`{"rows": 120, "fail": "before_start"}`, importstore.StatusFailed, "source_unavailable"},
		"rejects":      {`{"rows": 5000, "bad_rows": 200}`, importstore.StatusFailed, "too_many_rejects"},
		"on-failure":   {`{"fail": "on_failure", "rows": 5000, "bad_rows": 200}`, importstore.StatusFailed, "too_many_rejects"},
		"clean-up":     {`{"fail": "clean_up", "permanent": true, "rows": 1}`, importstore.StatusCompleted, ""},
		"without-rows": {`{"rows": 0, "parts": 3}`, importstore.StatusCompleted, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			domain := name + ".example"
			s := &system{System: s.System, t: t}
			s.AddSite(t, domain)
			last := s.end(s.noop(domain, tc.args), tc.status)
			require.Equal(t, tc.class, last.Import.ErrorClass)
			want := map[string]any{
				"SluiceSite": domain, "SluiceSource": "noop", "SluiceStatus": tc.status, "SluicePhase": tc.status,
				"SluicePaused": false,
			}
			if tc.class != "" {
				want["SluiceErrorClass"] = tc.class
			} else {
				want["SluiceRows"] = float64(last.RowsLoaded)
			}
			require.Equal(t, want, s.attributes(last.Import.WorkflowID, ""))
			require.Equal(t, last.Import.Status, last.Import.Phase)
		})
	}
}

// A parked import says so in both places, and no longer once it continues.
func TestParkedIsSeen(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	imp := s.noop(site, `{"rows": 100, "parts": 2, "fail": "import_data", "fail_times": 20}`)
	now := s.WaitParked(t, imp.ID)
	require.Equal(t, importstore.PhaseLoading, now.Import.Phase)
	s.WaitFor(t, imp.ID, "parked in Temporal", func(importstore.Summary) bool {
		return s.attributes(imp.WorkflowID, "")["SluiceStatus"] == "parked"
	})
	s.waitLine(imp.ID, "warn: Part 0, part 1 of 2, is parked: open part 1 of 2: noop failed as configured in import_data. "+
		"Retry it, skip it or cancel the import.")

	require.EqualError(t, s.Starter.RetryPart(ctx, imp.ID, 5, starter.By{}),
		"retry_part of import 1: part 5 is not an open part: the import has 2 parts, numbered from 0")
	require.EqualError(t, s.Starter.SkipPart(ctx, imp.ID, 1, starter.By{Why: " "}),
		"skip_part of import 1: skipping a part requires a reason")
	require.NoError(t, s.Starter.SkipPart(ctx, imp.ID, 0, starter.By{Why: "the file is lost"}))
	require.NoError(t, s.Starter.RetryPart(ctx, imp.ID, 1, starter.By{}))
	last := s.end(imp, importstore.StatusCompleted)
	require.EqualValues(t, 50, last.RowsLoaded)
	require.Equal(t, sumTo(100)-sumTo(50), s.visitors(imp))
	require.Equal(t, "completed", s.attributes(imp.WorkflowID, "")["SluiceStatus"])
	require.Contains(t, s.feedback(imp.ID), "warn: Part 0, part 1 of 2, was skipped: the file is lost")
}

// workflowIDs returns the IDs of all workflows of the system, once only those of destinations run.
func (s *system) workflowIDs() []string {
	s.t.Helper()
	var ids []string
	require.EventuallyWithT(s.t, func(collect *assert.CollectT) {
		list, err := s.Temporal.ListWorkflow(enginetest.Context(s.t), &workflowservice.ListWorkflowExecutionsRequest{})
		require.NoError(collect, err)
		ids = nil
		for _, run := range list.GetExecutions() {
			if !strings.HasPrefix(run.GetExecution().GetWorkflowId(), "destination/") {
				require.NotEqual(collect, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, run.GetStatus())
			}
			ids = append(ids, run.GetExecution().GetWorkflowId())
		}
	}, time.Minute, 100*time.Millisecond)
	return ids
}
