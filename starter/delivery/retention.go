package delivery

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/cron"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/workflows"
	deliveryworkflows "github.com/sluicehq/sluice/workflows/delivery"
)

// retentionCatchup is how late a run may begin that no server could start in time.
const retentionCatchup = time.Hour

// ApplyRetention applies the settings to the schedule of retention: it creates or updates the
// schedule, or deletes it if events are kept forever. A paused schedule stays paused. It is
// idempotent and safe for concurrent use. The error is that of Temporal.
func ApplyRetention(ctx context.Context, temporalClient client.Client, r config.Retention) error {
	handle := temporalClient.ScheduleClient().GetHandle(ctx, workflows.RetentionSchedule)
	if r.Events == 0 {
		if err := handle.Delete(ctx); err != nil && !call.IsNotFound(err) {
			return fmt.Errorf("delete the schedule of retention: %w", err)
		}
		return nil
	}
	options := retentionOptions(r)
	_, err := temporalClient.ScheduleClient().Create(ctx, options)
	if err == nil {
		return nil
	}
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return fmt.Errorf("create the schedule of retention: %w", err)
	}
	wanted := retentionInput(r)
	err = handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(now client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			if sameRetention(now.Description.Schedule.Action, wanted) {
				return nil, temporal.ErrSkipScheduleUpdate
			}
			changed := now.Description.Schedule
			changed.Spec, changed.Action = &options.Spec, options.Action
			return &client.ScheduleUpdate{Schedule: &changed}, nil
		},
	})
	if err != nil {
		return fmt.Errorf("update the schedule of retention: %w", err)
	}
	return nil
}

// RestoreRetention makes the schedule of retention again if Temporal has lost it. One that
// exists stays as it is. The error is that of Temporal.
func RestoreRetention(ctx context.Context, temporalClient client.Client, r config.Retention) error {
	if r.Events == 0 {
		return nil
	}
	_, err := temporalClient.ScheduleClient().Create(ctx, retentionOptions(r))
	if err != nil && !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return fmt.Errorf("create the schedule of retention: %w", err)
	}
	return nil
}

// retentionInput is what the schedule starts workflows with.
func retentionInput(r config.Retention) deliveryworkflows.RetentionInput {
	return deliveryworkflows.RetentionInput{
		Rule: deliveryacts.RetentionRule{
			KeepSeconds: int64(r.Events / time.Second), States: r.StateNames(),
			Sources: r.SourceNames(), NotSources: r.NotSourceNames(),
		},
		Cron: r.Cron, Jitter: r.Jitter,
	}
}

func retentionOptions(r config.Retention) client.ScheduleOptions {
	return client.ScheduleOptions{
		ID: workflows.RetentionSchedule, Spec: client.ScheduleSpec{
			CronExpressions: cron.Expressions(r.Cron), TimeZoneName: "UTC", Jitter: r.Jitter,
		},
		// What one run has not come to, the next one does.
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: retentionCatchup,
		Action: &client.ScheduleWorkflowAction{
			ID: workflows.RetentionSchedule, Workflow: workflows.TypeRetention, Args: []any{retentionInput(r)},
			TaskQueue: workflows.QueueMain, StaticSummary: fmt.Sprintf("purge events older than %s", r.Events),
		},
	}
}

// sameRetention says whether a schedule starts workflows with that input.
func sameRetention(action client.ScheduleAction, wanted deliveryworkflows.RetentionInput) bool {
	start, ok := action.(*client.ScheduleWorkflowAction)
	if !ok || len(start.Args) != 1 {
		return false
	}
	payload, ok := start.Args[0].(*commonpb.Payload)
	var in deliveryworkflows.RetentionInput
	return ok && converter.GetDefaultDataConverter().FromPayload(payload, &in) == nil && reflect.DeepEqual(in, wanted)
}
