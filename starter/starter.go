// Package starter is the typed client of Sluice: it starts imports, follows them,
// decides about them and takes them back. The command line and tests use it; other
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
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// Starter starts and controls imports. It is safe for concurrent use.
type Starter struct {
	// Temporal is the client of the namespace that the workers poll. Required.
	Temporal client.Client
	// Store is the system of record. Required.
	Store *store.Store
	// Registry knows the kinds of imports. Required for StartImport.
	Registry *importers.Registry
	// Defaults are the settings of imports that do not say otherwise.
	Defaults config.Import
	// AnswerTimeout bounds how long RetryPart and SkipPart wait for a worker.
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
}

// StartImport creates an import and starts its workflow. Should the caller die in
// between, a worker starts it within a minute. Repeated under the same idempotency
// key it returns the import of the first time. The errors are store.ErrNotFound for
// an unknown site and store.ErrInProgress if the site has an import under way.
func (s *Starter) StartImport(ctx context.Context, r Request) (store.Import, error) {
	site, err := s.Store.Site(ctx, r.Site)
	if errors.Is(err, store.ErrNotFound) {
		return store.Import{}, fmt.Errorf("%w: add it with `sluice site add %s`", err, r.Site)
	}
	if err != nil {
		return store.Import{}, err
	}
	importer, err := s.Registry.Lookup(r.Source)
	if err != nil {
		return store.Import{}, err
	}
	args, err := importer.ParseArgs(r.Args)
	if err != nil {
		return store.Import{}, fmt.Errorf("arguments of %s: %w", r.Source, err)
	}
	created, err := s.create(ctx, site, importer, args, r)
	if err != nil {
		return store.Import{}, err
	}
	return s.Launch(ctx, created, site.Domain)
}

func (s *Starter) create(
	ctx context.Context, site store.Site, importer importers.Importer, args json.RawMessage, r Request,
) (store.Import, error) {
	settings := s.Defaults
	if r.Settings != nil {
		settings = *r.Settings
	}
	n := store.NewImport{
		SiteID: site.ID, Source: importer.Name(), Label: r.Label, Args: args,
		OnPartFailure: settings.OnPartFailure, MaxRejects: settings.MaxRejects, MaxRejectShare: settings.MaxRejectShare,
		ChunkRows: int32(settings.ChunkRows), ChunkBytes: int32(settings.ChunkBytes),
		Parallelism: int32(settings.Parallelism),
	}
	if n.Label == "" {
		n.Label = importer.Label()
	}
	if len(r.IdempotencyKey) > maxKey {
		return store.Import{}, fmt.Errorf("the idempotency key has %d bytes: at most %d are allowed",
			len(r.IdempotencyKey), maxKey)
	}
	if r.IdempotencyKey != "" {
		n.IdempotencyKey = &r.IdempotencyKey
	}
	imp, _, err := s.Store.CreateImport(ctx, n)
	if err != nil {
		return store.Import{}, fmt.Errorf("site %s: %w", site.Domain, err)
	}
	return imp, nil
}

const maxKey = 200

// Launch starts the workflow of an import that is queued, or of its deletion. It
// does nothing where the workflow runs already.
func (s *Starter) Launch(ctx context.Context, imp store.Import, domain string) (store.Import, error) {
	if store.Ended(imp.Status) || imp.RunID != "" {
		return imp, nil
	}
	options := client.StartWorkflowOptions{
		TaskQueue: workflows.QueueMain,
		// Whoever comes second joins the run that is there, and an import that has
		// ended is never begun again but by a reset.
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		StaticSummary:            fmt.Sprintf("%s into %s", imp.Label, domain),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttributeSite.ValueSet(domain),
			workflows.AttributeSource.ValueSet(imp.Source),
			workflows.AttributeStatus.ValueSet(imp.Status),
			workflows.AttributePhase.ValueSet(imp.Phase),
		),
	}
	var workflow string
	var input any
	if imp.Status == store.StatusDeleting {
		options.ID, workflow = workflows.DeletionID(domain, imp.ID), workflows.TypeDeletion
		options.StaticSummary = fmt.Sprintf("delete import %d of %s", imp.ID, domain)
		input = workflows.DeletionInput{ImportID: imp.ID}
		// A deletion that had failed may be asked for again.
		options.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	} else {
		options.ID, workflow = workflows.ImportID(domain, imp.ID), workflows.TypeImport
		options.StaticDetails = details(imp, domain)
		input = workflows.ImportInput{ImportID: imp.ID}
	}
	run, err := s.Temporal.ExecuteWorkflow(ctx, options, workflow, input)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		run = s.Temporal.GetWorkflow(ctx, options.ID, started.RunId)
	} else if err != nil {
		return store.Import{}, fmt.Errorf("start the workflow of import %d (it stays queued, and a worker will start it): %w",
			imp.ID, err)
	}
	imp.WorkflowID, imp.RunID = run.GetID(), run.GetRunID()
	if err := s.Store.NoteWorkflow(ctx, imp.ID, imp.WorkflowID, imp.RunID); err != nil {
		return store.Import{}, err
	}
	return imp, nil
}

// details is what the Web UI shows about a run. Arguments may hold what not
// everybody should read, and stay in the store.
func details(imp store.Import, domain string) string {
	return fmt.Sprintf("Import **%d** of **%s** by importer `%s`.\n\n"+
		"`sluice import show %d` has its figures, `sluice import logs %d` its log, "+
		"`sluice import rejects %d` its bad rows.\n\n"+
		"A parked part waits for the update `retry_part` or `skip_part`.\n",
		imp.ID, domain, imp.Source, imp.ID, imp.ID, imp.ID)
}
