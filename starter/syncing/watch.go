package syncing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/workflows"
)

// RunOnce carries out one run of a sync on a task queue, and waits until it has ended. It continues the run of the
// store that has not ended. A workflow of the sync that still runs is terminated: its process has ended. The error
// says why the run has failed.
func (s *Syncs) RunOnce(ctx context.Context, row syncstore.Sync, queue string) error {
	options := s.startOptions(row)
	options.TaskQueue = queue
	options.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	input := syncInput(row)
	input.Once = true
	run, err := s.Temporal.ExecuteWorkflow(ctx, options, workflows.TypeSync, input)
	if err != nil {
		return fmt.Errorf("start the workflow of sync %s: %w", row.Name, err)
	}
	var failed *temporal.ApplicationError
	err = run.Get(ctx, nil)
	if errors.As(err, &failed) {
		// What the SDK adds is about the workflow, which the store's run outlives.
		return errors.New(failed.Message())
	}
	return err
}

// Abandon terminates the workflow of a sync, if it runs. Its run stays in the store, and the next one continues it.
func (s *Syncs) Abandon(ctx context.Context, name, reason string) error {
	err := s.Temporal.TerminateWorkflow(ctx, workflows.SyncID(name), "", reason)
	if err != nil && !call.IsNotFound(err) {
		return fmt.Errorf("terminate the workflow of sync %s: %w", name, err)
	}
	return nil
}

// requireOwn returns an error if a sync is an entry of a state file, which alone says when it runs.
func requireOwn(row syncstore.Sync) error {
	if row.Watch == "" {
		return nil
	}
	return fmt.Errorf("sync %s is list %s of the state file %s: edit its entry, which `sluice sync watch` applies: %w",
		row.Name, row.ListID, row.Watch, store.ErrConflict)
}

// settingsOfFile are what an entry of a state file decides, or its watch.
func settingsOfFile() []string {
	return []string{
		"latest_timestamp", "every", "start_offset", "items_per_request", "worker_count", "elapsed_seconds", "total_updates",
	}
}

// requireSettable returns an error if a change is one that the state file of a sync decides.
func requireSettable(row syncstore.Sync, changes []Change) error {
	for _, c := range changes {
		if slices.Contains(settingsOfFile(), c.Name) {
			if err := requireOwn(row); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	return nil
}
