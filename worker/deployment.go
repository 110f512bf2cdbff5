package worker

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/config"
)

// deployment lets a worker take part in worker versioning, if its settings name a
// version. Both of its workers belong to the same version, so that a part is loaded by
// the program that planned it, unless that has gone.
//
// Workflows move to the current version with their next task: histories of one release
// are read by the next, so that old workers need not be kept for imports that take days.
func deployment(settings config.Worker) worker.DeploymentOptions {
	if !settings.Versioned() {
		return worker.DeploymentOptions{}
	}
	return worker.DeploymentOptions{
		UseVersioning: true,
		Version: worker.WorkerDeploymentVersion{
			DeploymentName: settings.Deployment, BuildID: settings.BuildID,
		},
		DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	}
}
