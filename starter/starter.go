// Package starter is the typed client of Sluice: it starts imports, follows them,
// decides about them and deletes them. The command line and tests use it; other
// services may.
package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// recordTimeout bounds the record of a started workflow.
const recordTimeout = 10 * time.Second

// Starter starts and controls imports. It is safe for concurrent use.
type Starter struct {
	// Temporal is the client of the namespace that the workers poll. Required.
	Temporal client.Client
	// Namespace is the name of that namespace. Required for backfills.
	Namespace string
	// Store is the system of record. Required.
	Store *dispatchstore.Store
	// Registry knows the kinds of imports. Required for StartImport.
	Registry *importers.Registry
	// Defaults are the settings of imports that do not say otherwise.
	Defaults config.Import
	// Review are the settings of imports that wait for a decision.
	Review config.Review
	// Limits bound how many imports a site may have.
	Limits config.Limits
	// AnswerTimeout bounds how long commands wait for a worker.
	// Defaults to 10s.
	AnswerTimeout time.Duration
}

// Request asks for an import. Only Site and Source are required.
type Request struct {
	// Site is the domain of the site that the data belong to.
	Site string
	// Source is the importer's name.
	Source string
	// Label says what people see. Defaults to the importer's label.
	Label string
	// Args are the importer's arguments.
	Args json.RawMessage
	// IdempotencyKey makes a repeated request return the first one's import. At
	// most 200 bytes.
	IdempotencyKey string
	// Settings replaces the starter's defaults.
	Settings *config.Import
	// By says who asks, for second-person approval and for display.
	By string
	// Notify are e-mail addresses that receive notifications, besides the site's
	// contacts.
	Notify []string
	// Review says whether the rows wait for a decision before they become visible.
	// Defaults to what the importer says.
	Review *bool
	// RowsPerSecond bounds how fast it loads. Defaults to 0, as fast as it goes.
	RowsPerSecond int64
	// CheckTimeout bounds how long StartImport waits until a worker has checked the source.
	// The returned import has no CheckedAt if none has by then. Defaults to 0: no wait.
	CheckTimeout time.Duration
	// Schedule names the schedule that asks, if one does.
	Schedule string
}

// Launch starts the workflow of an import that is queued, or of its deletion. It
// does nothing where the workflow runs already. The errors are those of Temporal and of the store; the
// import stays queued then.
func (s *Starter) Launch(ctx context.Context, imp importstore.Import, domain string) (importstore.Import, error) {
	if importstore.Ended(imp.Status) || imp.RunID != "" {
		return imp, nil
	}
	options, workflow := importOptions(imp, domain), workflows.TypeImport
	var input any = importing.ImportInput{ImportID: imp.ID, Importer: imp.Source}
	if imp.Status == importstore.StatusDeleting {
		options, workflow = deletionOptions(imp, domain), workflows.TypeDeletion
		input = importing.DeletionInput{ImportID: imp.ID}
	}
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	run, err := s.Temporal.ExecuteWorkflow(ctx, options, workflow, input)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		run = s.Temporal.GetWorkflow(ctx, options.ID, started.RunId)
	} else if err != nil {
		return importstore.Import{}, fmt.Errorf(
			"start the workflow of import %d (it stays queued, and a worker will start it): %w",
			imp.ID, err)
	}
	imp.WorkflowID, imp.RunID = run.GetID(), run.GetRunID()
	if err := s.recordRun(ctx, imp.ID, run); err != nil {
		return importstore.Import{}, err
	}
	if started == nil {
		return imp, nil
	}
	// The run that is there may be another import's, or may have ended without this one.
	if _, err := s.Recover(ctx, imp.ID); err != nil {
		return importstore.Import{}, err
	}
	return imp, nil
}

// recordRun records the started workflow of an import, also where the caller gives up meanwhile.
func (s *Starter) recordRun(ctx context.Context, id int64, run client.WorkflowRun) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return s.Store.Imports.NoteWorkflow(ctx, id, run.GetID(), run.GetRunID())
}

// baseOptions are what the workflows about an import have in common.
func baseOptions(imp importstore.Import, domain string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		TaskQueue: workflows.QueueMain,
		// The second starter gets the existing run. An import that has ended begins
		// again by a reset only.
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		StaticSummary:            fmt.Sprintf("%s into %s", imp.Label, domain),
		Memo:                     map[string]any{workflows.MemoImport: imp.Uid},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttributeSite.ValueSet(domain),
			workflows.AttributeSource.ValueSet(imp.Source),
			workflows.AttributeStatus.ValueSet(imp.Status),
			workflows.AttributePhase.ValueSet(imp.Phase),
			workflows.AttributePaused.ValueSet(imp.Paused),
		),
	}
}

// details is what the Web UI shows about a run. Arguments may hold what not
// everybody should read, and stay in the store.
func details(imp importstore.Import, domain string) string {
	return fmt.Sprintf("Import **%d** of **%s** by importer `%s`.\n\n"+
		"`sluice import show %d` has its figures, `sluice import logs %d` its log, "+
		"`sluice import rejects %d` its bad rows.\n\n"+
		"It takes the updates and signals `pause`, `resume`, `cancel`, `set_rate`; a parked part waits for `retry_part` or "+
		"`skip_part`, a review for `decide`.\n",
		imp.ID, domain, imp.Source, imp.ID, imp.ID, imp.ID)
}
