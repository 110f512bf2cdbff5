package starter

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// orphaned finds runs that were stopped from outside, and that still say of their
// import that it has not ended: at the end of its own accord a run says how.
const orphaned = `WorkflowType = "` + workflows.TypeImport + `" AND ` +
	`ExecutionStatus IN ("Terminated", "TimedOut", "Failed") AND ` +
	`SluiceStatus IN ("queued", "running", "parked", "pending") AND CloseTime > `

// Orphans are looked for among the runs of so long; so many at once.
const (
	orphanAge  = 24 * time.Hour
	maxOrphans = 100
)

// Orphans returns imports that are under way in the store, and whose workflow was
// stopped: terminated, for instance. At most 100.
func (s *Starter) Orphans(ctx context.Context) ([]int64, error) {
	found, err := s.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: orphaned + time.Now().Add(-orphanAge).UTC().Format(`"`+time.RFC3339+`"`), PageSize: maxOrphans,
	})
	if err != nil {
		return nil, fmt.Errorf("look for stopped workflows: %w", err)
	}
	var ids []int64
	for _, run := range found.GetExecutions() {
		id, ok, err := s.orphan(ctx, run)
		if err != nil {
			return ids, err
		}
		if ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// orphan says whether nobody looks after a stopped run's import: a reset or an earlier
// look may have made another run.
func (s *Starter) orphan(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (int64, bool, error) {
	id, err := workflows.ImportOf(run.GetExecution().GetWorkflowId())
	if err != nil {
		return 0, false, err
	}
	imp, err := s.Store.Import(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (store.Ended(imp.Status) || imp.Status == store.StatusDeleting) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	now, err := s.Temporal.DescribeWorkflowExecution(ctx, run.GetExecution().GetWorkflowId(), "")
	if err != nil {
		return 0, false, fmt.Errorf("describe the workflow of import %d: %w", id, err)
	}
	running := now.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	return id, !running, nil
}

// EndOrphan ends an import whose workflow was stopped: another run of it purges its
// rows, releases its locks and lets it fail.
func (s *Starter) EndOrphan(ctx context.Context, id int64) error {
	imp, err := s.Store.Import(ctx, id)
	if err != nil {
		return err
	}
	site, err := s.Store.SiteByID(ctx, imp.SiteID)
	if err != nil {
		return fmt.Errorf("read the site of import %d: %w", id, err)
	}
	options := importOptions(imp, site.Domain)
	options.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	options.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	_, err = s.Temporal.ExecuteWorkflow(ctx, options, workflows.TypeImport, workflows.ImportInput{
		ImportID: id, GiveUp: "its workflow was terminated",
	})
	if err != nil {
		return fmt.Errorf("end import %d: %w", id, err)
	}
	return nil
}

// importOptions are the options of an import's workflow.
func importOptions(imp store.Import, domain string) client.StartWorkflowOptions {
	options := baseOptions(imp, domain)
	options.ID = workflows.ImportID(domain, imp.ID)
	options.StaticDetails = details(imp, domain)
	return options
}
