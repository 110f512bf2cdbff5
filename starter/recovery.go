package starter

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// Recovery is what Recover has done about an import.
type Recovery struct {
	// Cause says why its workflow was started again; "" if it was not.
	Cause string
	// Ends means that the new run deletes the rows and ends the import.
	Ends bool
}

// behindFor is how long a workflow is ahead of its import before that is taken for a restored
// store, and not for an activity that is about to record something.
const behindFor = time.Minute

// Recover compares an import whose workflow is not done with that workflow, and repairs
// differences.
// The store is the system of record: a run that is missing, has timed out, was terminated by
// the server, or has ended without the import, is started again under the same ID, and goes
// on from the checkpoints; so is one that is ahead of a restored store. A run that was
// terminated by hand is followed by one that ends the import. Of an import that has ended, the
// new run does what follows the end, unless a person has terminated the run before. A failing
// task of a run is noted for people. It may be called at any time, and by many at once. The error is that
// of the store or of Temporal; the next call repeats what is left.
func (s *Starter) Recover(ctx context.Context, id int64) (Recovery, error) {
	imp, domain, err := s.open(ctx, id)
	if err != nil || imp.ID == 0 {
		return Recovery{}, err
	}
	workflowID := workflows.ImportID(domain, id)
	if imp.Status == importstore.StatusDeleting {
		workflowID = workflows.DeletionID(domain, id)
	}
	run, err := s.Temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	switch {
	case call.IsNotFound(err):
		return s.startAgain(ctx, id, revival{cause: "Temporal does not know its workflow"})
	case err != nil:
		return Recovery{}, fmt.Errorf("describe the workflow of import %d: %w", id, err)
	case isOther(imp, run):
		return s.startAgain(ctx, id, revival{
			cause: "the workflow of its name belonged to an import that a restore of the store has removed", other: true,
		})
	case run.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return s.inspect(ctx, imp, run)
	}
	cause, end, err := s.closeCause(ctx, run.GetWorkflowExecutionInfo())
	if err != nil {
		return Recovery{}, fmt.Errorf("read why the workflow of import %d is closed: %w", id, err)
	}
	return s.startAgain(ctx, id, revival{cause: cause, end: end})
}

// open returns an import and its site's domain; the zero import if there is none whose workflow
// has something left to do.
func (s *Starter) open(ctx context.Context, id int64) (importstore.Import, string, error) {
	imp, err := s.Store.Imports.Import(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && imp.ClosedAt != nil && imp.Status != importstore.StatusDeleting {
		return importstore.Import{}, "", nil
	}
	if err != nil {
		return importstore.Import{}, "", err
	}
	site, err := s.Store.Imports.SiteByID(ctx, imp.SiteID)
	if err != nil {
		return importstore.Import{}, "", fmt.Errorf("read the site of import %d: %w", id, err)
	}
	return imp, site.Domain, nil
}

// revival says why the workflow of an import is started again, and what for.
type revival struct {
	cause string
	// end is the planned end of the import; nil if it continues.
	end *importstore.End
	// other says that the warehouse may have rows of another import of the same number.
	other bool
}

// startAgain starts the workflow of an import again. The import is read anew: its run may
// have ended it just before it was closed.
func (s *Starter) startAgain(ctx context.Context, id int64, r revival) (Recovery, error) {
	imp, domain, err := s.open(ctx, id)
	if err != nil || imp.ID == 0 {
		return Recovery{}, err
	}
	if importstore.Ended(imp.Status) && r.end != nil {
		return Recovery{}, s.abandon(ctx, imp, r)
	}
	no, ok, err := s.Store.Imports.StartRecovery(ctx, id)
	if err != nil || !ok {
		return Recovery{}, err
	}
	done := Recovery{Cause: r.cause}
	if imp.Status == importstore.StatusDeleting {
		in := importing.DeletionInput{ImportID: id}
		err = s.relaunch(ctx, imp, deletionOptions(imp, domain), workflows.TypeDeletion, in)
	} else {
		done.Ends = r.end != nil || imp.Ending != ""
		err = s.resume(ctx, imp, domain, r, fmt.Sprintf("recovery/%s/%d", imp.RunID, no))
	}
	if err != nil {
		return Recovery{}, errors.Join(err, s.Store.Imports.ForgetRecovery(context.WithoutCancel(ctx), id))
	}
	return done, nil
}

// abandon records that nothing follows the end of an import: a person has closed its workflow.
func (s *Starter) abandon(ctx context.Context, imp importstore.Import, r revival) error {
	text := "What follows the end of the import (dispatch to flows, on_success) may be incomplete: " + r.cause + "."
	err := s.Store.Imports.AddFeedback(ctx, imp.ID, importstore.LevelWarn, "abandoned/"+imp.RunID, text)
	if err != nil {
		return err
	}
	return s.Store.Imports.NoteClosed(ctx, imp.ID)
}

// resume starts the run that continues an import, and logs it.
func (s *Starter) resume(ctx context.Context, imp importstore.Import, domain string, r revival, occasion string) error {
	if r.other {
		if err := s.Store.Imports.Disown(ctx, imp.ID); err != nil {
			return err
		}
	}
	planned, err := s.Store.Imports.Planned(ctx, imp.ID)
	if err != nil {
		return err
	}
	in := importing.ImportInput{
		ImportID: imp.ID, Importer: imp.Source, FencingToken: imp.FencingToken, Paused: imp.Paused, Purge: r.other,
		Resumed: planned && !r.other,
	}
	in.Checked = !in.Resumed && imp.CheckedAt != nil
	in.InReview = in.Resumed && imp.Status == importstore.StatusInReview
	text := "The workflow is started again from the last checkpoints: " + r.cause + "."
	switch {
	case importstore.Ended(imp.Status):
		in.Ended, in.GiveUp, in.GiveUpClass = imp.Status, imp.Error, imp.ErrorClass
		text = "The workflow is started again for what follows the end of the import: " + r.cause + "."
	case imp.Ending != "":
		in.GiveUp, in.GiveUpClass = imp.EndingReason, imp.EndingClass
	case r.end != nil:
		in.GiveUp, in.GiveUpClass = r.end.Reason, r.end.Class
	}
	if in.GiveUp != "" && in.Ended == "" {
		text = "The workflow is started again to end the import: " + r.cause + "."
	}
	if err := s.Store.Imports.AddFeedback(ctx, imp.ID, importstore.LevelWarn, occasion, text); err != nil {
		return err
	}
	return s.relaunch(ctx, imp, importOptions(imp, domain), workflows.TypeImport, in)
}

// relaunch starts a workflow again, instead of a run that still runs.
func (s *Starter) relaunch(
	ctx context.Context, imp importstore.Import, options client.StartWorkflowOptions, workflow string, input any,
) error {
	options.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	// A run that still runs belongs to another import, or is ahead of a restored store.
	options.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	run, err := s.Temporal.ExecuteWorkflow(ctx, options, workflow, input)
	if err != nil {
		return fmt.Errorf("start the workflow of import %d again: %w", imp.ID, err)
	}
	return s.recordRun(ctx, imp.ID, run)
}

// isOther says whether a run of the import's workflow ID was started for another import, which
// had the same number before a restore of the store took it away.
func isOther(imp importstore.Import, run *workflowservice.DescribeWorkflowExecutionResponse) bool {
	uid := ""
	decode(run.GetWorkflowExecutionInfo().GetMemo().GetFields()[workflows.MemoImport], &uid)
	return uid != "" && uid != imp.Uid
}

// deletionOptions are the options of the workflow of an import's deletion.
func deletionOptions(imp importstore.Import, domain string) client.StartWorkflowOptions {
	options := baseOptions(imp, domain)
	options.ID = workflows.DeletionID(domain, imp.ID)
	options.StaticSummary = fmt.Sprintf("delete import %d of %s", imp.ID, domain)
	// A deletion that had failed may be requested again.
	options.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	return options
}

// importOptions are the options of an import's workflow.
func importOptions(imp importstore.Import, domain string) client.StartWorkflowOptions {
	options := baseOptions(imp, domain)
	options.ID = workflows.ImportID(domain, imp.ID)
	options.StaticDetails = details(imp, domain)
	return options
}

// endBy is the end of an import whose workflow was closed by a person.
func endBy(class importers.Class, reason string) *importstore.End {
	return &importstore.End{Class: string(class), Reason: reason}
}
