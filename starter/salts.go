package starter

import (
	"context"
	"errors"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/workflows"
)

// RestoreSaltRotation creates the schedule that rotates the salts of visitors' IDs at midnight UTC, unless it exists.
// It is idempotent and safe for concurrent use.
func (s *Starter) RestoreSaltRotation(ctx context.Context) error {
	_, err := s.Temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: workflows.SaltSchedule, Spec: Timing{Cron: "0 0 * * *", TimeZone: "UTC"}.spec(),
		// A run retries until it succeeds, and does what the next one would.
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: DefaultCatchup,
		Action: &client.ScheduleWorkflowAction{
			ID: workflows.SaltSchedule, Workflow: workflows.TypeSaltRotation, TaskQueue: workflows.QueueMain,
			StaticSummary: "rotate the salts of visitors' IDs",
		},
	})
	if err != nil && !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return fmt.Errorf("create the schedule of the rotation of salts: %w", err)
	}
	return nil
}
