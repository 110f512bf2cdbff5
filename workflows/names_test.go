package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/workflows"
)

// Names are carried by running workflows and by other programs: changing one of these
// lines is a breaking change.
func TestNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"sluice", "sluice-load"}, []string{workflows.QueueMain, workflows.QueueLoad})
	require.Equal(t, []string{"Import", "Deletion"}, []string{workflows.TypeImport, workflows.TypeDeletion})
	require.Equal(t, []string{
		"before_start", "plan", "import_data", "park_part", "park", "skip_part", "on_success", "on_failure", "purge_rows",
		"clean_up", "publish", "finish", "remove",
	}, []string{
		workflows.ActivityBeforeStart, workflows.ActivityPlan, workflows.ActivityImportData, workflows.ActivityParkPart,
		workflows.ActivityPark, workflows.ActivitySkipPart, workflows.ActivityOnSuccess, workflows.ActivityOnFailure,
		workflows.ActivityPurgeRows, workflows.ActivityCleanUp, workflows.ActivityPublish, workflows.ActivityFinish,
		workflows.ActivityRemove,
	})
	require.Equal(t, []string{"retry_part", "skip_part", "state", "progress"},
		[]string{workflows.UpdateRetryPart, workflows.UpdateSkipPart, workflows.QueryState, workflows.QueryProgress})
	require.Equal(t, map[string]string{
		"SluiceSite": "Keyword", "SluiceSource": "Keyword", "SluiceStatus": "Keyword", "SluicePhase": "Keyword",
		"SluiceErrorClass": "Keyword", "SluiceRows": "Int",
	}, workflows.SearchAttributes())
	require.Equal(t, "import/example.com/7", workflows.ImportID("example.com", 7))
	require.Equal(t, "delete/example.com/7", workflows.DeletionID("example.com", 7))
}
