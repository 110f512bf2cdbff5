package command

import (
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/workflows"
)

// changeAudit marks runs that record commands in the audit.
const changeAudit = "audit-commands"

// record records an executed command in the audit, unless its sender has. The command has been executed: a failure is
// logged.
func record(ctx workflow.Context, name string, common Command, argument any) {
	if common.Audited || workflow.GetVersion(ctx, changeAudit, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	// A cancel command cancels the work, not its record.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	request := activities.CommandRecord{Name: name, By: common.By, Argument: argument}
	recording := workflows.Deciding(ctx, "record the command "+name)
	if err := workflow.ExecuteActivity(recording, workflows.ActivityRecordCommand, request).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("could not record a command in the audit", "command", name, "error", err)
	}
}
