package e2e

import (
	"encoding/json"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/workflows"
)

// scheduled runs a schedule once and returns the history of that run. early, if set, starts
// the import of the run before the schedule does.
func (r recorder) scheduled(args string, early bool, status string) *historypb.History {
	r.t.Helper()
	ctx := enginetest.Context(r.t)
	request := starter.Request{Site: site, Source: "noop", Args: json.RawMessage(args)}
	_, err := r.Starter.CreateSchedule(ctx, starter.NewSchedule{
		Name: "recorded", Request: request, Timing: starter.Timing{Cron: "0 3 * * *"}, Paused: true, PauseAfterFailures: 1,
	})
	require.NoError(r.t, err)
	at := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	if early {
		request.IdempotencyKey = "schedule/recorded/" + at.Format(time.RFC3339)
		r.Start(r.t, request)
	} else {
		require.NoError(r.t, r.Starter.ResumeSchedule(ctx, "recorded", starter.By{}))
	}
	_, err = r.Starter.BackfillSchedule(ctx, "recorded", at.Add(-time.Minute), at.Add(time.Minute), "")
	require.NoError(r.t, err)
	var run starter.Run
	polltest.Eventually(r.t, func() bool {
		now, err := r.Starter.Schedule(ctx, "recorded")
		require.NoError(r.t, err)
		if len(now.Runs) == 1 {
			run = now.Runs[0]
		}
		return run.Status != "" && run.Status != starter.RunRunning
	}, time.Minute, 50*time.Millisecond)
	require.Equal(r.t, status, run.Status, run.Reason)
	return r.History(r.t, run.WorkflowID, run.RunID)
}

// dryRun returns the history of a dry run.
func (r recorder) dryRun() *historypb.History {
	r.t.Helper()
	ctx := enginetest.Context(r.t)
	_, err := r.Starter.DryRun(ctx, starter.Request{Site: site, Source: "noop", Args: json.RawMessage(`{"rows": 100, "bad_rows": 2}`)})
	require.NoError(r.t, err)
	var id string
	polltest.Eventually(r.t, func() bool {
		id = r.FindWorkflow(r.t, workflows.TypeDryRun)
		return id != ""
	}, time.Minute, 50*time.Millisecond)
	return r.History(r.t, id, "")
}
