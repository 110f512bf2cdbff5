package lifecyclebench

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
)

// Bare are the figures of workflows that do nothing: what the platform itself takes.
type Bare struct {
	Workflows int     `json:"workflows"`
	Seconds   float64 `json:"seconds"`
	PerMinute float64 `json:"workflows_per_minute"`
}

const (
	bareQueue    = "bench-bare"
	bareWorkflow = "BareJob"
	bareActivity = "bare_step"
)

// bareJob runs activities that do nothing, one after the other.
func bareJob(ctx workflow.Context, activities int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for range activities {
		if err := workflow.ExecuteActivity(ctx, bareActivity).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func bareStep(context.Context) error { return nil }

// bare runs workflows of as many activities as an import has, as many at once as there
// are sites.
func (b *bench) bare(ctx context.Context, cfg Config, activities int) (Bare, error) {
	w := worker.New(b.Temporal, bareQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(bareJob, workflow.RegisterOptions{Name: bareWorkflow})
	w.RegisterActivityWithOptions(bareStep, activity.RegisterOptions{Name: bareActivity})
	if err := w.Start(); err != nil {
		return Bare{}, err
	}
	defer w.Stop()
	began := time.Now()
	var running errgroup.Group
	running.SetLimit(cfg.Sites)
	for i := range cfg.Bare {
		running.Go(func() error {
			options := client.StartWorkflowOptions{ID: fmt.Sprint("bare/", i), TaskQueue: bareQueue}
			run, err := b.Temporal.ExecuteWorkflow(ctx, options, bareWorkflow, activities)
			if err != nil {
				return err
			}
			return run.Get(ctx, nil)
		})
	}
	if err := running.Wait(); err != nil {
		return Bare{}, err
	}
	result := Bare{Workflows: cfg.Bare, Seconds: time.Since(began).Seconds()}
	result.PerMinute = float64(cfg.Bare) / result.Seconds * 60
	return result, nil
}
