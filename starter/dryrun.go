package starter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/starter/internal/call"
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
	id := workflows.DryRunID(in.Site, rand.Text())
	var report importacts.DryRunReport
	run, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.QueueMain,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionTimeout: importing.DryRunTimeout,
		StaticSummary:            fmt.Sprintf("dry run of %s into %s", in.Source, in.Site),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttributeSite.ValueSet(in.Site), workflows.AttributeSource.ValueSet(in.Source)),
	}, workflows.TypeDryRun, in)
	if err == nil {
		err = run.Get(ctx, &report)
	}
	if err == nil {
		return report, nil
	}
	if left := ended(ctx, err); left != nil {
		// The caller no longer waits: cancel the run, which may run even if its start was not confirmed.
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err := s.Temporal.CancelWorkflow(stopping, id, "")
		if call.IsNotFound(err) {
			err = nil
		}
		return importacts.DryRunReport{}, errors.Join(fmt.Errorf("dry run: %w", left), err)
	}
	if _, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		err = ErrNoAnswer
	}
	return importacts.DryRunReport{}, fmt.Errorf("dry run: %w", err)
}

// ended returns the error of ctx if that is why a call of Temporal failed, otherwise nil. The server
// knows the deadline too and may end the call a moment before ctx ends.
func ended(ctx context.Context, err error) error {
	deadline, limited := ctx.Deadline()
	var cancelled *serviceerror.Canceled
	var late *serviceerror.DeadlineExceeded
	if limited && time.Until(deadline) < time.Second && (errors.As(err, &cancelled) || errors.As(err, &late)) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
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
