package api

import (
	"context"
	"errors"
	"time"

	importacts "github.com/sluicehq/sluice/activities/importing"
)

// dryRunTimeout bounds a dry run: the answer must be sent before server.write_timeout expires.
const dryRunTimeout = 90 * time.Second

type tryImportInput struct {
	SitePath
	Body ImportRequest
}

func (a *API) tryImport(ctx context.Context, in *tryImportInput) (*output[importacts.DryRunReport], error) {
	request, err := in.Body.request(ctx, a, in.Site)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, dryRunTimeout)
	defer cancel()
	report, err := a.cfg.Starter.DryRun(waiting, request)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, newProblem(problemNoWorker, "No worker has finished the dry run within "+dryRunTimeout.String()+".")
	}
	return answer(report, err)
}
