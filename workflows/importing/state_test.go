package importing_test

import (
	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
)

// details returns what the Web UI shows as the run's current details.
func (r *run) details() string {
	answer, err := r.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(r.t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(r.t, answer.Get(&metadata))
	return metadata.GetCurrentDetails()
}
