package starter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// DryRun tells what StartImport would do with a request, and does nothing of it: no import
// is created and no row is written. A worker looks at the source, for at most
// importing.DryRunTimeout. What the import would fail with is in the report; the error is
// StartImport's own, or ErrNoAnswer if no worker was there.
func (s *Starter) DryRun(ctx context.Context, r Request) (importacts.DryRunReport, error) {
	in, err := s.dryRunRequest(ctx, r)
	if err != nil {
		return importacts.DryRunReport{}, err
	}
	run, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.DryRunID(in.Site, rand.Text()), TaskQueue: workflows.QueueMain,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionTimeout: importing.DryRunTimeout,
		StaticSummary:            fmt.Sprintf("dry run of %s into %s", in.Source, in.Site),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttributeSite.ValueSet(in.Site), workflows.AttributeSource.ValueSet(in.Source)),
	}, workflows.TypeDryRun, in)
	if err != nil {
		return importacts.DryRunReport{}, fmt.Errorf("start the dry run: %w", err)
	}
	var report importacts.DryRunReport
	err = run.Get(ctx, &report)
	var timeout *temporal.TimeoutError
	switch {
	case err == nil:
		return report, nil
	case ctx.Err() != nil:
		// The caller no longer waits: cancel the run.
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return report, errors.Join(ctx.Err(), s.Temporal.CancelWorkflow(stopping, run.GetID(), run.GetRunID()))
	case errors.As(err, &timeout):
		return report, fmt.Errorf("dry run: %w", ErrNoAnswer)
	default:
		return report, fmt.Errorf("dry run: %w", err)
	}
}

// dryRunRequest checks a request as StartImport does.
func (s *Starter) dryRunRequest(ctx context.Context, r Request) (importacts.DryRunRequest, error) {
	site, importer, args, err := s.check(ctx, r)
	if err != nil {
		return importacts.DryRunRequest{}, err
	}
	n, err := s.newImport(site, importer, args, r)
	if err != nil {
		return importacts.DryRunRequest{}, err
	}
	if err := s.Store.Imports.CheckRoom(ctx, site.ID, n.MaxPerSite); err != nil {
		return importacts.DryRunRequest{}, fmt.Errorf("site %s: %w", site.Domain, err)
	}
	in := importacts.DryRunRequest{
		Site: site.Domain, Source: n.Source, Args: args, Review: n.Review, RowsPerSecond: n.Rate,
		ChunkBytes: int(n.ChunkBytes), Parallelism: int(n.Parallelism),
		MaxRejects: n.MaxRejects, MaxRejectShare: n.MaxRejectShare, MaxRejectCeiling: n.MaxRejectCeiling,
	}
	for _, d := range n.Dependencies {
		in.Dependencies = append(in.Dependencies, importers.Dependency{Resource: d.Resource, Shared: d.Shared})
	}
	return in, nil
}
