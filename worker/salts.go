package worker

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	ingestacts "github.com/sluicehq/sluice/activities/ingesting"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/wiring"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/workflows"
	ingestflows "github.com/sluicehq/sluice/workflows/ingesting"
)

// registerSalts registers what rotates the salts of visitors' IDs; main polls QueueMain.
func (w *Worker) registerSalts(main worker.Registry, sealer ingesting.Sealer) {
	main.RegisterWorkflowWithOptions(ingestflows.SaltRotation, workflow.RegisterOptions{Name: workflows.TypeSaltRotation})
	salts := &ingestacts.Salts{Secrets: ingesting.NewSecrets(ingeststore.New(w.store.Store), sealer)}
	main.RegisterActivityWithOptions(salts.Rotate, activity.RegisterOptions{Name: workflows.ActivityRotateSalts})
}

// restoreSaltRotation creates the schedule of the rotation of salts unless it exists. Without a key set there are
// no salts.
func (w *Worker) restoreSaltRotation(ctx context.Context) error {
	_, err := connections.NewVault(wiring.Vault(w.cfg.Settings.Connections)).Keyset()
	if errors.Is(err, connections.ErrNoKeyset) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.starter().RestoreSaltRotation(ctx)
}
